import { toBytes } from '../core/command.ts';
import { visible, visiblePath } from './detect/visible.ts';
import type { ExplainedContainer, Explanation } from './explain.ts';

/**
 * An explanation for people, plain text without colours: where and why first, then the facts, the steps,
 * the command to paste, and what was seen but not taken.
 *
 * @param width  columns; long lines go on below their own beginning, only commands are never broken
 */
export function renderExplanation(value: Explanation, width: number): string {
  const sections = [
    headline(value, width),
    facts(value, width),
    list(
      'Steps',
      value.steps.map((step, at) => [`${at + 1}`, step]),
      width,
    ),
    value.command === null ? '' : `Command\n  ${pastable(value.command.display)}`,
    list('Not taken', rejections(value), width),
    list('Files', candidates(value), width),
    list('Declared workloads', workloads(value), width),
    list(
      'Notes',
      value.warnings.map((warning) => ['!', warning]),
      width,
    ),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/**
 * A shell-quoted line that cannot steer a terminal and is still the same to a shell: such a character always
 * stands in single quotes, which are left for it.
 */
function pastable(display: string): string {
  return display.replaceAll(/[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?!\n)\p{Cc}/gu, (character) => {
    const octal = [...toBytes(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    return `'"$(printf '${octal}')"'`;
  });
}

function headline({ container, host, error, reason }: Explanation, width: number): string {
  if (error !== null) {
    return [
      `Would not run: ${error.code}`,
      wrapped(error.message, 2, width),
      wrapped(error.hint, 2, width),
    ].join('\n');
  }
  const where = container === null ? `On the host ${host}` : containerWords(container);
  return `${wrapped(where, 0, width)}\n${wrapped(reason, 2, width)}`;
}

function containerWords({ service, project, type, image, id, pod, namespace }: ExplainedContainer): string {
  if (pod !== null)
    return `In container ${id?.slice(pod.length + 1)} of pod "${pod}", namespace ${namespace}`;
  if (type === 'kubernetes') return `As a Job of ${image ?? 'its manifest'}, namespace ${namespace}`;
  if (service !== null && project !== null)
    return `In service "${service}" of the Compose project "${project}"`;
  if (id === null) return `In a new container of ${image}`;
  return `In the running ${type === 'devcontainer' ? 'dev container' : 'container'} ${id.slice(0, 12)}`;
}

function facts(value: Explanation, width: number): string {
  const { dir, container, user, toolchain, git, env, error } = value;
  if (error !== null) return list('', [['directory', dir.host]], width);
  const rows: readonly (readonly [string, string | null])[] = [
    ['directory', dir.target === dir.host ? dir.host : `${dir.host} -> ${dir.target}`],
    [
      'container',
      container === null
        ? null
        : [container.id?.slice(0, 12) ?? 'a new one', container.image].filter(Boolean).join(', '),
    ],
    ['user', container === null ? null : (user ?? "the container's own")],
    ['git', git === null ? null : `${git.branch ?? 'no branch'} in ${git.root}`],
    ['toolchain', toolchain === null ? null : `${toolchain.kind}, ${toolchain.reason}`],
    ['environment', env.length === 0 ? null : env.join(', ')],
  ];
  return list(
    '',
    rows.flatMap(([name, text]) => (text === null ? [] : [[name, text] as const])),
    width,
  );
}

function rejections({ container }: Explanation): readonly (readonly [string, string])[] {
  return (container?.rejected ?? []).map(({ name, reason }) => [name, reason]);
}

/** One candidate a line; on its own it says nothing new. */
function candidates({ candidates, dir, container }: Explanation): readonly (readonly [string, string])[] {
  if (candidates.length < 2 && container !== null) return [];
  return candidates.slice(0, 6).map(({ type, evidence, confidence }) => {
    const [first] = evidence;
    const file = first === undefined ? '' : `${visiblePath(first.path, dir.host)}: ${first.rule}`;
    return [type, confidence === 'strong' ? file : `${file} (${confidence})`];
  });
}

/** How each is named with `--pod`; a Job of the files is not one to enter. */
function workloads({ workloads, dir }: Explanation): readonly (readonly [string, string])[] {
  return workloads.slice(0, 20).map(({ kind, name, containers, path }) => {
    const boxes = containers.map((one) => `${one.name} (${one.image})`).join(', ');
    const pod = kind === 'Pod' ? name : `${kind.toLowerCase()}/${name}`;
    return [pod, `${boxes === '' ? 'no container named' : boxes}, in ${visiblePath(path, dir.host)}`];
  });
}

/** Rows of a name and a text, the texts in one column. */
function list(title: string, rows: readonly (readonly [string, string])[], width: number): string {
  if (rows.length === 0) return '';
  const column = Math.max(...rows.map(([name]) => visible(name).length)) + 4;
  const lines = rows.map(
    ([name, text]) => `  ${visible(name)}`.padEnd(column) + wrapped(text, column, width).trimStart(),
  );
  return [...(title === '' ? [] : [title]), ...lines].join('\n');
}

/** What stands in backticks is one word: it is there to be pasted. Two blanks have an empty one between them. */
const WORDS = /(?:`[^`]*`|[^ ])+|(?<= )(?= )/g;

/** Words in lines of at most `width` columns, each behind `indent` blanks. */
function wrapped(text: string, indent: number, width: number): string {
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  for (const word of visible(text).match(WORDS) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}
