/**
 * Text from outside as one line that cannot steer a terminal: control characters and bytes
 * that are not UTF-8 are shown as escapes.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu,
    (char) => {
      if (char === '\n') return '\\n';
      if (char === '\t') return '\\t';
      if (char === '\r') return '\\r';
      const code = char.charCodeAt(0);
      // a byte string holds the byte b as U+DC00 + b
      if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
    },
  );
}

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes(text)) width += segmentWidth(segment);
  return width;
}

/** Cut to a number of columns; what was cut is said by an ellipsis. */
export function shorten(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const { segment } of graphemes(text)) {
    width += segmentWidth(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

export interface Column {
  readonly title: string;
  /** The one column that gives way when the terminal is narrow. */
  readonly flexible?: boolean;
  readonly align?: 'right';
}

/**
 * Aligned columns, two spaces apart.
 *
 * @param width  columns of the terminal; null prints everything in full
 * @param paint  colours a finished cell; gets the row and column number, row -1 for the titles
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, paint }: { width: number | null; paint?: (text: string, row: number, column: number) => string },
): string {
  const cells = rows.map((row) => row.map(printable));
  const wanted = columns.map(({ title }, column) =>
    Math.max(textWidth(title), ...cells.map((row) => textWidth(row[column] ?? ''))),
  );
  const others = wanted.reduce((sum, one, column) => sum + (columns[column]?.flexible ? 0 : one + 2), 0);
  const widths = wanted.map((one, column) =>
    columns[column]?.flexible && width !== null ? Math.max(10, Math.min(one, width - others)) : one,
  );
  const lines = [columns.map(({ title }) => title), ...cells].map((row, number) =>
    columns
      .map((column, at) => {
        const text = shorten(row[at] ?? '', widths[at] ?? 0);
        const gap = ' '.repeat(Math.max(0, (widths[at] ?? 0) - textWidth(text)));
        const painted = paint ? paint(text, number - 1, at) : text;
        if (column.align === 'right') return gap + painted;
        return at === columns.length - 1 ? painted : painted + gap;
      })
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

let segmenter: Intl.Segmenter | null = null;

/** Made at the first use: most verbs print no table. */
function graphemes(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

function segmentWidth(segment: string): number {
  if (/^\p{Mark}+$/u.test(segment)) return 0;
  return WIDE.test(segment) ? 2 : 1;
}

/** East Asian Wide and Fullwidth (Unicode TR 11, the blocks in common use) and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}|^[\u{20000}-\u{3fffd}]/u;
