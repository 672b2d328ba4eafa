import type { Detection } from '../core/detection.ts';
import { visible, visiblePath } from './detect/visible.ts';
import type { ServiceChoice } from './service.ts';

/**
 * The text of a `berth.yaml` for a directory: what was found stands in it, the rest as comments that say
 * what could be set.
 *
 * @param choice  which service fits, where the context is a Compose project; null otherwise
 */
export function initProject(detection: Detection, choice: ServiceChoice | null): string {
  return [
    '# Where the tasks of this project run. `berth explain` shows what comes of it.',
    '# What is marked with * takes effect once you have run `berth trust` on this file.',
    '',
    ...container(detection, choice),
    '',
    '# Variables of every task. *',
    '# env:',
    '#   NODE_ENV: test',
    '',
    '# Shell lines that run before every task, in the same place. *',
    '# prereqs:',
    '#   - npm ci',
    '',
    '# Toolchain: auto, off, or the directory of a virtual environment. *',
    '# venv: auto',
    '',
    '# Limit of a task that names none: 30m, 90s; a bare number is minutes.',
    '# timeout: 30m',
    '',
  ].join('\n');
}

function container(detection: Detection, choice: ServiceChoice | null): readonly string[] {
  const { type, reason, dir } = detection;
  const found = detection.candidates
    .slice(0, 8)
    .map(({ type, evidence }) => `#   ${type}: ${visiblePath(evidence[0]?.path ?? dir, dir)}`);
  if (type === null)
    return ['# No container files were found.', '# container:', '#   image: node:22', ...OPTIONS];
  return [
    `# ${visible(reason)}`,
    ...(found.length > 1 ? ['# Found here:', ...found] : []),
    'container:',
    `  type: ${type}`,
    ...service(choice),
    ...OPTIONS,
  ];
}

const OPTIONS = [
  '  # use: true          # tasks use the container without --use-container',
  '  # user: "1000:1000"  # user inside',
  '  # workdir: /app      # where this directory is inside, if no mount shows it',
  '  # start: true        # start a stopped service before a task *',
  '  # allow_host: true   # run on the host when the container cannot be had *',
];

function service(choice: ServiceChoice | null): readonly string[] {
  switch (choice?.kind) {
    case 'chosen': {
      const others = choice.rejected.map(({ name }) => name);
      const also = others.length === 0 ? '' : ` (others: ${others.map(visible).join(', ')})`;
      return [`  # ${visible(choice.reason)}${also}`, `  service: ${scalar(choice.service.name)}`];
    }
    case 'ambiguous':
      return [
        `  # These fit equally well: ${choice.names.map(visible).join(', ')}. Choose one:`,
        `  # service: ${scalar(choice.names[0] ?? '')}`,
      ];
    case 'none':
      return ['  # No service looks like the place where the code runs. Choose one:', '  # service: NAME'];
    case 'unknown':
    case undefined:
      return [];
  }
}

/** A plain YAML scalar where that is safe, else a quoted one: JSON strings are YAML. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z][\w.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
