import { BerthError } from '../core/errors.ts';
import type { Place, Runtime } from '../core/runtime.ts';

/** No box: commands run on the host as they are. */
export function bareRuntime(): Runtime {
  return {
    kind: 'bare',

    async prepare(_host, container) {
      if (container === null) return PLACE;
      throw new BerthError(`The host was chosen to run a task that asks for ${container.type}.`, {
        code: 'CONTEXT_CONFLICT',
        hint: 'Run it with `--no-container`, or leave the choice to berth.',
      });
    },

    enter: (_place, inner) => inner,

    async postmortem() {
      return { state: 'unknown', oom: null, cause: null };
    },

    async dispose() {},
  };
}

const PLACE: Place = { runtime: 'bare', id: null, owned: false, container: null, user: null };
