import { BerthError } from '../../core/errors.ts';

/** What a version of tmux can do, and where berth must be careful with it. Measured, not read from its manual. */
export interface TmuxCapabilities {
  /** As `tmux -V` says it, such as `3.3a`. */
  readonly version: string;
  /** Pasting into a dead pane is an error; before 3.4 it brings the server down. */
  readonly survivesPasteIntoDeadPane: boolean;
  /** `pane_dead_status` is there whenever a pane is dead; 3.3 loses up to a sixth of them. */
  readonly tellsDeadStatus: boolean;
  /** Takes the bracket ends out of pasted text; before 3.7 they have to be taken out by us. */
  readonly cleansPastes: boolean;
}

const OLDEST = 3.2;

/**
 * @param words  what `tmux -V` printed
 * @throws {BerthError} `TMUX_UNSUPPORTED`: older than 3.2, or not a version at all
 */
export function capabilitiesOf(words: string): TmuxCapabilities {
  const version = words.trim().replace(/^tmux /, '');
  // `next-3.6` and `master` are built from the development branch; OpenBSD names its own release
  const number = /^(?:master|openbsd-)/.test(version)
    ? Number.POSITIVE_INFINITY
    : Number(/^(?:next-)?(\d+\.\d+)/.exec(version)?.[1]);
  if (!(number >= OLDEST)) {
    throw new BerthError(`tmux ${version} is too old: terminal sessions need ${OLDEST} or newer.`, {
      code: 'TMUX_UNSUPPORTED',
      hint: 'Install a newer tmux; tasks without a terminal run without it.',
    });
  }
  return {
    version,
    survivesPasteIntoDeadPane: number >= 3.4,
    tellsDeadStatus: number < 3.3 || number >= 3.4,
    cleansPastes: number >= 3.7,
  };
}
