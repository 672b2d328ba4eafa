import { basename, dirname, join, resolve } from 'node:path';
import type { Candidate } from '../core/detection.ts';
import { kindOf, listDirectory, readText } from './detect/files.ts';

/** A workload that files declare. It is a hint what to name with `--pod`; which cluster has it, no file says. */
export interface DeclaredWorkload {
  readonly kind: string;
  /** `*` stands for what only a template engine knows. */
  readonly name: string;
  readonly containers: readonly { readonly name: string; readonly image: string }[];
  readonly path: string;
}

const KINDS = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'Pod',
  'ReplicaSet',
  'Rollout',
]);
const MAX_FILES = 200;

/**
 * Workloads of Kustomize directories, Helm charts, Skaffold, DevSpace and Tilt files and plain manifests.
 * Nothing is rendered and nothing runs: templates are read as far as they are plain.
 */
export async function declaredWorkloads({ dir, evidence }: Candidate): Promise<readonly DeclaredWorkload[]> {
  const { parseAllDocuments } = await import('yaml');
  const parse: Parse = (text) =>
    [...parseAllDocuments(text, { prettyErrors: false, uniqueKeys: false })]
      .filter((document) => document.errors.length === 0)
      .map((document): unknown => document.toJS({ maxAliasCount: 100 }));
  const reader = new Reader(parse);
  for (const { path } of evidence) reader.open(path);
  if (reader.found.length === 0) reader.open(dir);
  return reader.found;
}

type Parse = (text: string) => readonly unknown[];
type Fields = Readonly<Record<string, unknown>>;

class Reader {
  readonly found: DeclaredWorkload[] = [];
  private readonly seen = new Set<string>();
  private readonly parse: Parse;

  constructor(parse: Parse) {
    this.parse = parse;
  }

  /** A file or a directory, once. */
  open(path: string): void {
    if (this.seen.has(path) || this.seen.size >= MAX_FILES) return;
    this.seen.add(path);
    const kind = kindOf(path);
    if (kind === 'directory') this.openDirectory(path);
    else if (kind !== null) this.openFile(path);
  }

  private openDirectory(path: string): void {
    const { names } = listDirectory(path, MAX_FILES);
    const tool = names.find((name) => /^(?:kustomization\.ya?ml|Kustomization|Chart\.yaml)$/.test(name));
    const own = tool === undefined ? names.filter((name) => /\.ya?ml$/.test(name)) : [tool];
    for (const name of own) this.open(join(path, name));
  }

  private openFile(path: string): void {
    const name = basename(path);
    const dir = dirname(path);
    const read = readText(path);
    if (read.kind !== 'text') return;
    const documents = name === 'Tiltfile' ? [] : this.documents(read.text);
    if (name === 'Chart.yaml') this.openAll(dir, ['templates']);
    else if (name === 'Tiltfile') this.openAll(dir, tiltPaths(read.text));
    else if (/^(?:kustomization\.ya?ml|Kustomization)$/.test(name)) this.openKustomization(dir, documents[0]);
    else if (/^skaffold\.ya?ml$/.test(name)) this.openAll(dir, documents.flatMap(skaffoldPaths));
    else if (/^devspace\.ya?ml$/.test(name)) this.openDevspace(path, documents[0]);
    else for (const document of documents) this.take(document, path);
  }

  private openAll(dir: string, paths: readonly string[]): void {
    // a pattern stands for its directory
    for (const path of paths) this.open(resolve(dir, path.replace(/\/?[^/]*\*.*$/, '') || '.'));
  }

  private openKustomization(dir: string, document: Fields | undefined): void {
    if (document === undefined) return;
    const at = this.found.length;
    const paths = ['resources', 'bases', 'components'].flatMap((key) => texts(document[key]));
    this.openAll(
      dir,
      paths.filter((path) => !/^(?:https?:|git@|git::|github\.com)/.test(path)),
    );
    const [prefix = '', suffix = ''] = [document['namePrefix'], document['nameSuffix']].map((one) =>
      text(one),
    );
    const images = list(document['images']);
    for (let index = at; index < this.found.length; index++) {
      const one = this.found[index];
      if (one === undefined) continue;
      const containers = one.containers.map((box) => ({ ...box, image: newImage(box.image, images) }));
      this.found[index] = { ...one, name: `${prefix}${one.name}${suffix}`, containers };
    }
  }

  private openDevspace(path: string, document: Fields | undefined): void {
    const deployments = Object.entries(fields(document?.['deployments']));
    for (const [name, value] of deployments) {
      const { helm, kubectl } = fields(value);
      this.openAll(dirname(path), texts(fields(kubectl)['manifests']));
      const chart = fields(fields(helm)['chart']);
      if (text(chart['name']).startsWith('.')) this.openAll(dirname(path), [text(chart['name'])]);
      const containers = list(fields(fields(helm)['values'])['containers']);
      if (containers.length > 0) this.add({ kind: 'Deployment', name, containers, path });
    }
  }

  private documents(source: string): readonly Fields[] {
    try {
      return this.parse(plain(source)).flatMap((one) => (isFields(one) ? [one] : []));
    } catch {
      return []; // too many aliases: not worth reading
    }
  }

  private take(document: Fields, path: string): void {
    const kind = text(document['kind']);
    if (kind === 'List') for (const item of list(document['items'])) this.take(item, path);
    if (!KINDS.has(kind)) return;
    const spec = fields(document['spec']);
    const inner = kind === 'CronJob' ? fields(fields(spec['jobTemplate'])['spec']) : spec;
    const pod = kind === 'Pod' ? spec : fields(fields(inner['template'])['spec']);
    const name = text(fields(document['metadata'])['name']) || '*';
    this.add({ kind, name, containers: list(pod['containers']), path });
  }

  private add({
    containers,
    ...rest
  }: Omit<DeclaredWorkload, 'containers'> & { containers: readonly Fields[] }) {
    const boxes = containers.map((one) => ({
      name: text(one['name']) || '*',
      image: text(one['image']) || '*',
    }));
    this.found.push({ ...rest, containers: boxes });
  }
}

/** A template as YAML: lines that are only for the engine go, values become `*`. */
function plain(source: string): string {
  if (!source.includes('{{')) return source;
  return source
    .replaceAll(/^[ \t]*(?:-[ \t]*)?\{\{[^\n]*\}\}[ \t]*\r?$/gm, '')
    .replaceAll(/(["']?)([\w./:-]*(?:\{\{[^}\n]*\}\}[\w./:@-]*)+)\1/g, (_, _quote, value: string) =>
      JSON.stringify(value.replaceAll(/\{\{[^}\n]*\}\}/g, '*').replaceAll(/\*+/g, '*')),
    );
}

function tiltPaths(source: string): readonly string[] {
  const code = source.replaceAll(/(^|\s)#.*$/gm, '$1');
  const calls = [...code.matchAll(/\b(?:k8s_yaml|kustomize|helm)\s*\(([^()]*)\)/g)];
  return calls.flatMap((call) =>
    [...(call[1] ?? '').matchAll(/(["'])([^"'\n]+)\1/g)].map((one) => one[2] ?? ''),
  );
}

/** Source: skaffold.dev, `manifests` and, before v3, `deploy`. */
function skaffoldPaths(document: Fields): readonly string[] {
  const sections = [fields(document['manifests']), fields(document['deploy'])];
  return sections.flatMap((section) => [
    ...texts(section['rawYaml']),
    ...texts(fields(section['kubectl'])['manifests']),
    ...texts(fields(section['kustomize'])['paths']),
    ...list(fields(section['helm'])['releases']).flatMap((one) => texts([one['chartPath']])),
  ]);
}

function newImage(image: string, images: readonly Fields[]): string {
  const [name = ''] = /^[^@]*?(?=(?::[^/]*)?$)/.exec(image) ?? [];
  const change = images.find((one) => text(one['name']) === name);
  if (change === undefined) return image;
  const tag = text(change['newTag']) || image.slice(name.length + 1);
  return `${text(change['newName']) || name}${tag === '' ? '' : `:${tag}`}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
