import { BerthError } from './errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Timers of Node and of shells count in 32 bits: about 24.8 days. */
const LONGEST_MS = 24 * 86_400_000;

/**
 * Read a length of time: `90s`, `30m`, `1h30m`, `500ms`, `2d`, or a bare number of minutes.
 *
 * @param name  what is being read, as the reader knows it: `--timeout`
 * @returns     milliseconds, 1 to 24 days
 * @throws      {BerthError} `INVALID_VALUE`: another form, zero, negative, or longer
 */
export function parseDuration(name: string, text: string): number {
  const ms = durationMs(text.trim());
  if (ms === null || ms < 1 || ms > LONGEST_MS) {
    throw new BerthError(`${name} "${text}" is not a length of time between 1ms and 24d.`, {
      code: 'INVALID_VALUE',
      hint: 'Write it like 90s, 30m or 1h30m; a bare number is minutes.',
    });
  }
  return ms;
}

function durationMs(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 60_000);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g);
  return Math.round(
    [...parts].reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0),
  );
}

/** For people: the two largest units, such as `1h30m`, `12s`, `0.4s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${(Math.max(ms, 0) / 1000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(minutes, 'm', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, 'h', minutes % 60, 'm');
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function join(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
}
