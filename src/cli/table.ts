import { printable } from './text.ts';

export interface Column {
  readonly title: string;
  /** The one column that gives way when the terminal is narrow. */
  readonly flexible?: boolean;
  readonly align?: 'right';
}

export interface TableStyle {
  /** Columns of the terminal; null prints everything in full. */
  readonly width: number | null;
  /** Colours a cell; gets the row and column number, row -1 for the titles. */
  readonly paint?: (text: string, row: number, column: number) => string;
}

const GAP = 2;
const NARROWEST = 10;

/** Aligned columns without borders; what is cut is said by an ellipsis. */
export async function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, paint = (text) => text }: TableStyle,
): Promise<string> {
  // only the verbs that print tables pay for it
  const [{ default: Table }, { default: stringWidth }] = await Promise.all([
    import('cli-table3'),
    import('string-width'),
  ]);
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))];
  const natural = columns.map((_, at) => Math.max(...lines.map((line) => stringWidth(line[at] ?? ''))));
  const others = columns.reduce(
    (sum, column, at) => sum + (column.flexible ? 0 : (natural[at] ?? 0) + GAP),
    0,
  );
  const widths = columns.map((column, at) => {
    const wanted = natural[at] ?? 0;
    return column.flexible && width !== null ? Math.max(NARROWEST, Math.min(wanted, width - others)) : wanted;
  });
  const drawn = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    colAligns: columns.map(({ align }) => align ?? 'left'),
    colWidths: widths.map((one) => one + GAP),
  });
  drawn.push(...lines.map((line, row) => line.map((cell, column) => paint(cell, row - 1, column))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
