import { dirname, resolve } from 'node:path';
import { type Document, isCollection, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { closest } from '../core/closest.ts';
import { CONTAINER_TYPES } from '../core/context.ts';
import { parseDuration } from '../core/duration.ts';
import { BerthError } from '../core/errors.ts';
import type { ProjectFile } from './project-file.ts';

const text = z.string().min(1);
const duration = z.union([
  z.number().positive(),
  z.string().regex(/^((\d+(\.\d+)?(ms|s|m|h|d))+|\d+(\.\d+)?)$/),
]);

const container = z
  .strictObject({
    use: z.boolean().describe('Use the container without --use-container.'),
    type: z
      .enum([...CONTAINER_TYPES, 'compose', 'k8s'])
      .describe('Kind of container, where the files leave a choice.'),
    service: text.describe('The Compose service that tasks enter.'),
    image: text.describe('Start a new container of this image for each task.'),
    name: text.describe('Enter this running container.'),
    user: z
      .union([text, z.number().int().nonnegative()])
      .describe('User inside the container: a name, a number, or uid:gid.'),
    workdir: text
      .regex(/^\//)
      .describe('Where the directory of this file is inside the container, if no mount shows it.'),
    start: z.boolean().describe('Start a stopped service before a task. Needs trust.'),
    build: z.boolean().describe('Build the image from the build file first. Needs trust.'),
    allow_host: z.boolean().describe('Run on the host when the container cannot be had. Needs trust.'),
  })
  .partial();

const job = z
  .strictObject({
    service_account: text.describe('Service account of the pod.'),
    resources: z
      .record(z.string(), z.union([text, z.number()]))
      .describe('Limits and requests alike: cpu, memory.'),
    node_selector: z.record(z.string(), z.string()).describe('Labels of the nodes it may run on.'),
    manifest: text.describe(
      'A Job manifest that the task is put into; a path from the directory of this file.',
    ),
    pending_timeout: duration.describe('How long it may wait for a node or an image.'),
  })
  .partial();

const kubernetes = z
  .strictObject({
    context: text.describe('Context of the kubeconfig; files never choose a cluster by themselves.'),
    namespace: text,
    pod: text.describe('A pod, or deployment/NAME, statefulset/NAME, job/NAME.'),
    selector: text.describe('Label selector of one ready pod.'),
    container: text.describe('Container of the pod.'),
    job: z
      .union([z.literal(true), job])
      .describe('Run each task as a Job of its own, of `container: {image: …}`. Needs trust.'),
  })
  .partial();

/** The schema of `berth.yaml`; `berth.schema.json` is made from it. */
export const projectSchema = z
  .strictObject({
    container: container.describe('Which container tasks of this project run in.'),
    kubernetes: kubernetes.describe('Which pod tasks of this project run in.'),
    env: z
      .record(z.string().regex(/^[A-Za-z_]\w*$/), z.union([z.string(), z.number(), z.boolean()]))
      .describe('Variables of every task. Options win. Needs trust.'),
    prereqs: z
      .array(text)
      .describe('Shell lines that run before every task, in the same place. Needs trust.'),
    venv: z
      .union([z.enum(['auto', 'off']), text])
      .describe('Toolchain: auto, off, or the directory of a virtual environment. Needs trust.'),
    timeout: z
      .union([duration, z.literal('none')])
      .describe('Limit of a task that names none: 30m, 90s; a bare number is minutes.'),
    grace: duration.describe('Time between TERM and KILL.'),
    retries: z.number().int().min(0).describe('Further attempts of a task that names none.'),
    priority: z.number().int().min(0).max(10).describe('0 is last, 10 is first.'),
  })
  .partial()
  .describe('What a project says about the place where its tasks run. See docs/contexts.md.');

/**
 * Read the text of a `berth.yaml`.
 *
 * @throws {BerthError} `CONFIG_INVALID` with file and line
 */
export function parseProjectFile(source: string, path: string): ProjectFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const [broken] = document.errors;
  if (broken !== undefined) throw invalid(`${at(broken.pos[0])}: ${broken.message}`);

  const parsed = projectSchema.safeParse(plainValue(document, path) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const [problem, keys] = issue === undefined ? ['is not valid', []] : inWords(issue);
    throw invalid(`${at(offsetOf(document, keys))}: ${problem}`);
  }
  return projectFile(parsed.data, path);
}

function projectFile(data: z.infer<typeof projectSchema>, path: string): ProjectFile {
  const { container, kubernetes } = data;
  return {
    path,
    trusted: false,
    container: container === undefined ? null : containerSettings(container),
    workdir: container?.workdir === undefined ? null : { host: dirname(path), target: container.workdir },
    kubernetes: kubernetes === undefined ? null : kubernetesRequest(kubernetes, dirname(path)),
    env: Object.fromEntries(Object.entries(data.env ?? {}).map(([name, value]) => [name, String(value)])),
    prereqs: data.prereqs ?? [],
    venv: venvOf(data.venv),
    warnings: [],
  };
}

const NO_POD = { pod: null, selector: null, namespace: null, context: null, container: null };

function kubernetesRequest(
  { job: asked, ...from }: z.infer<typeof kubernetes>,
  dir: string,
): NonNullable<ProjectFile['kubernetes']> {
  if (asked === undefined) return { ...NO_POD, ...from };
  const given = asked === true ? {} : asked;
  const resources = Object.entries(given.resources ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    ...NO_POD,
    ...from,
    job: {
      serviceAccount: given.service_account ?? null,
      resources: Object.fromEntries(resources),
      nodeSelector: given.node_selector ?? {},
      manifest: given.manifest === undefined ? null : resolve(dir, given.manifest),
      pendingMs:
        given.pending_timeout === undefined
          ? null
          : parseDuration('pending_timeout', String(given.pending_timeout)),
    },
  };
}

const ALIASES = { compose: 'docker_compose', k8s: 'kubernetes' } as const;

function containerSettings(from: z.infer<typeof container>): ProjectFile['container'] {
  const { type } = from;
  return {
    use: from.use ?? false,
    type: type === undefined ? null : type === 'compose' || type === 'k8s' ? ALIASES[type] : type,
    service: from.service ?? null,
    image: from.image ?? null,
    name: from.name ?? null,
    user: from.user === undefined ? null : String(from.user),
    start: from.start ?? false,
    build: from.build ?? false,
    allowHost: from.allow_host ?? false,
  };
}

function venvOf(value: string | undefined): ProjectFile['venv'] {
  if (value === undefined) return null;
  return value === 'auto' || value === 'off' ? { kind: value } : { kind: 'dir', dir: value };
}

/** Aliases are limited, so that a few lines cannot stand for gigabytes. */
function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function invalid(sentence: string): BerthError {
  return new BerthError(/[.?]$/.test(sentence) ? sentence : `${sentence}.`, {
    code: 'CONFIG_INVALID',
    hint: 'Compare it with what `berth init` writes; berth.schema.json lets an editor check it.',
  });
}

/** One sentence, and the keys that lead to the value it is about. */
function inWords(issue: z.core.$ZodIssue): readonly [string, readonly PropertyKey[]] {
  const keys = issue.path;
  const name = keys.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    const known = closest(unknown, knownKeys(keys));
    const guess = known === null ? '' : `; did you mean "${known}"?`;
    return [`unknown key "${[...keys, unknown].map(String).join('.')}"${guess}`, [...keys, unknown]];
  }
  return [`${name === '' ? 'the file' : name}: ${issue.message}`, keys];
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(projectSchema.shape);
  return Object.keys({ container, kubernetes }[String(path[0]) as 'container']?.shape ?? {});
}

/** Where a value stands; of a key that has none, where its parent stands. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number {
  const parent = keys.length > 1 ? document.getIn(keys.slice(0, -1), true) : document.contents;
  const key = keys.at(-1);
  const pair = isCollection(parent)
    ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
    : undefined;
  const node = isPair(pair) && isNode(pair.key) ? pair.key : document.getIn(keys, true);
  const range = isNode(node) ? node.range : isNode(parent) ? parent.range : null;
  return range?.[0] ?? 0;
}

/** What editors check `berth.yaml` with; `berth.schema.json` holds it as text. */
export function projectJsonSchema(): unknown {
  const schema = z.toJSONSchema(projectSchema, { target: 'draft-7', io: 'input' });
  return { $schema: schema.$schema, title: 'berth.yaml', ...schema };
}
