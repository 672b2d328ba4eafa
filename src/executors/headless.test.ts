import { localHost } from '../hosts/local.ts';
import { executorContract } from '../testing/executor-contract.ts';
import { headlessExecutor } from './headless.ts';

executorContract('headless on the host', (runs) => ({
  executor: headlessExecutor(localHost(), runs),
  again: () => headlessExecutor(localHost(), runs),
}));
