import { BerthError } from '../../core/errors.ts';

/** Values that one project may expand to, counting every use of an alias, an include and an extends. */
const MAX_VALUES = 300_000;
/** Characters that variables may add to a project. */
const MAX_SUBSTITUTED = 16 * 1024 * 1024;

/** What reading one project may cost, whatever its files say. */
export interface Limits {
  /** @throws {BerthError} `COMPOSE_INVALID` when there were too many */
  countValues(count: number): void;
  /** @throws {BerthError} `COMPOSE_INVALID` when there were too many */
  countSubstituted(characters: number): void;
}

export function startLimits(): Limits {
  let values = 0;
  let characters = 0;
  return {
    countValues(count) {
      values += count;
      if (values > MAX_VALUES) throw tooLarge(`${MAX_VALUES} values`);
    },
    countSubstituted(count) {
      characters += count;
      if (characters > MAX_SUBSTITUTED) throw tooLarge('16 MiB of substituted variables');
    },
  };
}

function tooLarge(limit: string): BerthError {
  return new BerthError(`The Compose files expand to more than ${limit}.`, {
    code: 'COMPOSE_INVALID',
    hint: 'Look for aliases, includes, extends or variables that multiply each other.',
  });
}
