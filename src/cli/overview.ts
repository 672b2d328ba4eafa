import { VERBS } from './verbs.ts';

/** What `berth` alone prints: every verb in one screen. */
export function overviewText(): string {
  const groups = [...new Set(Object.values(VERBS).map((verb) => verb.group))];
  const blocks = groups.map((group) => {
    const verbs = Object.entries(VERBS).filter(([, verb]) => verb.group === group);
    return [`${group}:`, ...verbs.map(([name, verb]) => `  ${name.padEnd(11)} ${verb.summary}`)].join('\n');
  });
  return [
    'berth: every task runs in the right place, and you can see why.',
    'Usage: berth VERB [options]',
    ...blocks,
    'Examples:\n  berth run --use-container -- pytest -q\n  berth send "npm test" --timeout 30m',
    '`berth VERB --help` shows the options of a verb.',
  ].join('\n\n');
}
