/** Major, minor and patch. Pre-releases are not told apart: nobody installs a toolchain by them. */
export type Version = readonly [number, number, number];

/** `v18.17.0`, `ruby-3.2.2` or `3.2.2-p100` as numbers; null for anything that is not three of them. */
export function parseVersion(text: string): Version | null {
  const match = /^(?:v|ruby-)?(\d+)\.(\d+)\.(\d+)/.exec(text.trim());
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/**
 * Whether a version is in a range of npm's language (`>=18 <21`, `^20.1 || 22.x`, `18 - 20`, `18`).
 * A range that is not understood holds no version.
 *
 * Source: npm/node-semver, README, "Ranges".
 */
export function satisfies(version: Version, range: string): boolean {
  return range.split('||').some((part) => {
    const bounds = boundsOf(part.trim());
    if (bounds === null) return false;
    return bounds.every(({ from, below }) => {
      return compareVersions(version, from) >= 0 && (below === null || compareVersions(version, below) < 0);
    });
  });
}

/** `from` belongs to it, `below` does not; null is no end. */
interface Bounds {
  readonly from: Version;
  readonly below: Version | null;
}

const ZERO: Version = [0, 0, 0];

function boundsOf(part: string): readonly Bounds[] | null {
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(part);
  if (hyphen !== null) return allOf([comparator('>=', hyphen[1] ?? ''), comparator('<=', hyphen[2] ?? '')]);
  const words = part.replaceAll(/([<>=~^]+)\s+/g, '$1').split(/\s+/);
  return allOf(
    words.map((word) => {
      const match = /^(>=|<=|>|<|=|\^|~>?)?(.*)$/.exec(word);
      return comparator(match?.[1] ?? '=', match?.[2] ?? '');
    }),
  );
}

function allOf(bounds: readonly (Bounds | null)[]): readonly Bounds[] | null {
  const known = bounds.filter((bound) => bound !== null);
  return known.length === bounds.length ? known : null;
}

function comparator(operator: string, text: string): Bounds | null {
  const numbers = partsOf(text);
  if (numbers === null) return null;
  const [major, minor, patch] = numbers;
  const from: Version = [major ?? 0, minor ?? 0, patch ?? 0];
  const after = (width: number): Version | null =>
    width === 0
      ? null
      : width === 1
        ? [from[0] + 1, 0, 0]
        : width === 2
          ? [from[0], from[1] + 1, 0]
          : next(from);
  switch (operator) {
    case '>=':
      return { from, below: null };
    case '>':
      return { from: after(numbers.length) ?? from, below: null };
    case '<':
      return { from: ZERO, below: from };
    case '<=':
      return { from: ZERO, below: after(numbers.length) };
    case '^':
      return {
        from,
        below: after(
          from[0] > 0 || numbers.length < 2 ? Math.min(numbers.length, 1) : from[1] > 0 ? 2 : numbers.length,
        ),
      };
    case '~':
    case '~>':
      return { from, below: after(Math.min(numbers.length, 2)) };
    default:
      return { from, below: after(numbers.length) };
  }
}

function next([major, minor, patch]: Version): Version {
  return [major, minor, patch + 1];
}

/** The numbers in front of the first `x`; empty for `*`. */
function partsOf(text: string): readonly number[] | null {
  const match = /^v?(\d+|[xX*])?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+].*)?$/.exec(text);
  if (match === null) return null;
  const parts = match.slice(1).filter((part) => part !== undefined);
  const wildcard = parts.findIndex((part) => /[xX*]/.test(part));
  return (wildcard < 0 ? parts : parts.slice(0, wildcard)).map(Number);
}
