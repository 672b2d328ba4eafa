import type { Judged } from '../actions/judged.ts';
import { table } from './table.ts';

/** One session a line, the best first: the gates that it fails, else its score. @param width  columns, or null */
export async function matchText(sessions: readonly Judged[], width: number | null): Promise<string> {
  const columns = [{ title: 'SESSION' }, { title: 'STATUS' }, { title: 'MATCH', flexible: true }] as const;
  const rows = [...sessions]
    .sort((a, b) => Number(b.passed) - Number(a.passed) || b.total - a.total)
    .map((session) => [session.name, session.status.replace('_', ' '), verdict(session)]);
  return table(columns, rows, { width });
}

function verdict({ passed, gates, scores, total }: Judged): string {
  if (!passed) {
    return gates.flatMap(({ name, refusal }) => (refusal === null ? [] : `${name}: ${refusal}`)).join('; ');
  }
  const parts = scores.map(({ name, points }) => `${name} ${points}`).join(', ');
  return `score ${total}${parts === '' ? '' : ` (${parts})`}`;
}
