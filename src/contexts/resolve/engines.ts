import type { ContainerType } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import type { Inspector } from '../../core/inspect.ts';
import type { Question } from './box.ts';
import type { Engine, World } from './world.ts';

/** What came of asking the engines in turn. */
export interface Search<T> {
  readonly found: T | null;
  /** Those that answered, in order. */
  readonly answered: readonly Inspector[];
  readonly warnings: readonly string[];
}

/**
 * Which engines can serve a type, in the order they are asked. A type that is an engine's name
 * is served by that engine alone when a person asked for it.
 */
export function enginesFor(type: ContainerType | null, { wish }: Question): readonly Engine[] {
  if (wish.type === 'docker' || wish.type === 'podman') return [wish.type];
  return type === 'podman' ? ['podman', 'docker'] : ['docker', 'podman'];
}

/**
 * Ask one engine after the other until one has what is looked for.
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE` when none of them answers, or when none has it and the preferred
 *   one is installed and silent; with why and its mend
 */
export async function search<T>(
  engines: readonly Engine[],
  question: Question,
  look: (inspector: Inspector) => Promise<T | null>,
): Promise<Search<T>> {
  const answered: Inspector[] = [];
  const failures: { readonly engine: Engine; readonly error: BerthError }[] = [];
  for (const engine of engines) {
    const inspector = question.world.inspector(engine);
    try {
      const found = await look(inspector);
      answered.push(inspector);
      if (found !== null) return { found, answered, warnings: failures.map(passedOver(engine)) };
    } catch (error) {
      if (!(error instanceof BerthError) || !SILENT.includes(error.code)) throw error;
      failures.push({ engine, error });
    }
  }
  const [first] = failures;
  const preferredIsSilent = first !== undefined && first.engine === engines[0];
  // what the other engine has not, the silent one may well have; one that is not installed has nothing
  if (answered.length === 0 || (preferredIsSilent && (await isInstalled(first.engine, question.world)))) {
    throw await unavailable(failures, question.world);
  }
  return { found: null, answered, warnings: [] };
}

async function isInstalled(engine: Engine, world: World): Promise<boolean> {
  return (await world.probe(engine)).state !== 'not_installed';
}

const SILENT: readonly BerthError['code'][] = ['RUNTIME_UNAVAILABLE', 'ENGINE_ERROR'];

function passedOver(used: Engine) {
  return ({ engine, error }: { readonly engine: Engine; readonly error: BerthError }) =>
    `${engine} was passed over for ${used}: ${error.message}`;
}

/** The first engine's own words; the second's come after them. */
async function unavailable(
  failures: readonly { readonly engine: Engine; readonly error: BerthError }[],
  world: World,
): Promise<BerthError> {
  const [first] = failures;
  const probes = await Promise.all(failures.map(({ engine }) => world.probe(engine)));
  const reasons = probes.map(({ reason }, index) => reason ?? failures[index]?.error.message ?? '');
  const names = failures.map(({ engine }) => engine).join(' nor ');
  return new BerthError(
    `${failures.length > 1 ? `Neither ${names} answers` : `${names} does not answer`}: ${reasons.join(' ')}`,
    {
      code: 'RUNTIME_UNAVAILABLE',
      hint: 'See `berth runtimes`. To run on the host instead, add --no-container, or --allow-host to try first.',
      cause: first?.error,
    },
  );
}
