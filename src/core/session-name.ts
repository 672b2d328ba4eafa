import { BerthError } from './errors.ts';

/**
 * Names of terminal sessions. Nothing in them means anything to tmux (`:` and `.` part a target, `#(` runs a
 * program) or to a shell, and none is a headless slot's, which always holds a slash.
 *
 * @throws {BerthError} `INVALID_VALUE`
 */
export function checkSessionName(name: string): string {
  if (isSessionName(name)) return name;
  throw new BerthError(`${JSON.stringify(name)} is not a session name.`, {
    code: 'INVALID_VALUE',
    hint: 'Use up to 64 letters, digits, dashes and underscores, and begin with a letter or digit.',
  });
}

/** @param patterns  names in which `*` stands for any text */
export function isExcluded(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w-]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
  });
}

/** @throws {BerthError} `POLICY` for a name that the user's settings keep out */
export function refuseExcluded(name: string, patterns: readonly string[]): void {
  if (!isExcluded(name, patterns)) return;
  throw new BerthError(
    `The name ${JSON.stringify(name)} is kept out of berth by the setting sessions.exclude.`,
    {
      code: 'POLICY',
      hint: 'Choose another session, or change the setting in your own config.yaml.',
    },
  );
}

/** False for slots of workers and for foreground runs. */
export function isSessionName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name);
}
