import { relative } from 'node:path';

/**
 * A path as people may safely see it: relative to `dir`, control and direction characters escaped, and
 * `#(` broken up, which a tmux status line would run.
 */
export function visiblePath(path: string, dir: string): string {
  return visible(relative(dir, path) || '.');
}

/** Text from a file or a name that somebody else chose, on one line. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeOne).replaceAll(/#(?=[({[])/g, '#\\');
}

function escapeOne(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (character === '\r') return '\\r';
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
