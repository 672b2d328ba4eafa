import { join } from 'node:path';
import { type Directory, fileIn, kindOf, listDirectory, textOf } from './detect/files.ts';

/** A file that says Kubernetes, and why. */
export interface KubernetesEvidence {
  readonly path: string;
  readonly rule: string;
}

/** Files and directories that only a Kubernetes tool reads. `Tiltfile` is judged apart: it may be Compose's. */
export function kubernetesToolFiles(directory: Directory): readonly KubernetesEvidence[] {
  return Object.entries(TOOL_FILES).flatMap(([name, rule]) => {
    if (name === '.helm' && kindOf(join(directory.path, name)) !== null) {
      return [{ path: join(directory.path, name), rule }];
    }
    const path = fileIn(directory, name);
    return path === null ? [] : [{ path, rule }];
  });
}

const TOOL_FILES: Readonly<Record<string, string>> = {
  'skaffold.yaml': 'a Skaffold pipeline',
  'skaffold.yml': 'a Skaffold pipeline',
  'devspace.yaml': 'a DevSpace project',
  'devspace.yml': 'a DevSpace project',
  'werf.yaml': 'a werf project',
  'werf.yml': 'a werf project',
  'helmfile.yaml': 'a Helmfile',
  'helmfile.yml': 'a Helmfile',
  'helmfile.yaml.gotmpl': 'a Helmfile',
  'kustomization.yaml': 'a Kustomize directory',
  'kustomization.yml': 'a Kustomize directory',
  Kustomization: 'a Kustomize directory',
  'Chart.yaml': 'a Helm chart',
  '.helm': 'charts of werf or Helm',
  'k8s-config.yaml': 'a Kubernetes configuration by its name',
  'k8s-config.yml': 'a Kubernetes configuration by its name',
};

/** Whose file a Tiltfile is, by the functions that it calls. */
export function tiltfileKind(text: string): {
  readonly kind: 'compose' | 'kubernetes';
  /** Compose files that it names, as written; empty where they are computed. */
  readonly composeFiles: readonly string[];
} {
  const code = text.replaceAll(/(^|\s)#.*$/gm, '$1');
  const calls = [...code.matchAll(/\bdocker_compose\s*\(([^)]*)\)/g)];
  const kubernetes = /\b(?:k8s_\w+|helm|kustomize|helm_remote|helm_resource|namespace_create)\s*\(/.test(
    code,
  );
  const composeFiles = calls
    .flatMap((call) => [...(call[1] ?? '').matchAll(/(?<![\w=]\s*)(["'])([^"'\n]+\.ya?ml)\1/g)])
    .map((match) => match[2] ?? '');
  return { kind: calls.length > 0 && !kubernetes ? 'compose' : 'kubernetes', composeFiles };
}

const MAX_EVIDENCE = 3;
const MAX_DIRECTORIES = 64;
const MAX_FILES = 64;
const MAX_ENTRIES = 512;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * Manifests with a workload here, and manifests, charts and kustomizations up to two levels below, the
 * likeliest directories first; the first directory that has any answers. Reads at most 64 directories of 512
 * entries and 64 files.
 */
export function findManifests(directory: Directory): readonly KubernetesEvidence[] {
  const budget = { files: MAX_FILES, bytes: MAX_MANIFEST_BYTES };
  let paths = [directory.path];
  let left = MAX_DIRECTORIES;
  for (let depth = 0; depth <= 2; depth++) {
    const level: Directory[] = [];
    for (const path of paths) {
      const place = depth === 0 ? directory : listDirectory(path, MAX_ENTRIES);
      level.push(place);
      const tools = depth === 0 ? [] : kubernetesToolFiles(place);
      const evidence = [...tools, ...(tools.length > 0 ? [] : workloads(place, budget))];
      if (evidence.length > 0) return evidence;
    }
    paths = depth === 2 ? [] : subdirectories(level).slice(0, left);
    left -= paths.length;
  }
  return [];
}

function workloads(
  directory: Directory,
  budget: { files: number; bytes: number },
): readonly KubernetesEvidence[] {
  const found: KubernetesEvidence[] = [];
  const likelyPlace = LIKELY.test(lastName(directory.path));
  for (const name of directory.names) {
    if (!mayBeManifest(name, likelyPlace)) continue;
    if (budget.files <= 0 || budget.bytes <= 0 || found.length >= MAX_EVIDENCE) break;
    const path = join(directory.path, name);
    const text = textOf(path);
    if (text === null) continue;
    budget.files -= 1;
    budget.bytes -= text.length;
    const kind = workloadKind(text);
    if (kind !== null) found.push({ path, rule: `a Kubernetes manifest with a ${kind}` });
  }
  return found;
}

/** JSON manifests are rare and other JSON is not: it is read only where its name or its directory speaks for it. */
function mayBeManifest(name: string, likelyPlace: boolean): boolean {
  if (!/\.(?:ya?ml|json)$/i.test(name) || NOT_MANIFESTS.test(name)) return false;
  return likelyPlace || !/\.json$/i.test(name) || /k8s|kube|manifest|deploy|pod|job|controller/i.test(name);
}

/** Names that are something else for certain; reading them would only cost time. */
const NOT_MANIFESTS =
  /^(?:(?:package|package-lock|composer|tsconfig.*|jsconfig.*|\..*|angular|nx|lerna|turbo|renovate|biome|deno|components)\.jsonc?|pnpm-lock\.yaml|\..*|mkdocs\.ya?ml|(?:docker-)?compose.*\.ya?ml|openapi.*|swagger.*|values.*\.ya?ml)$/i;

const LIKELY =
  /^(?:k8s|kubernetes|kube|manifests?|deploy|deployments?|charts?|helm|base|overlays?|kustomize|infra|ops|config|gitops)$|k8s|kubernetes|manifest/i;

/** Dependencies, build output, and what is only shown or tested: manifests there are nobody's deployment. */
const SKIPPED =
  /^(?:\..*|node_modules|vendor|third_party|bower_components|venv|__pycache__|target|dist|out|tmp|docs?|(?:.*[-_])?(?:examples?|samples?|demos?|tutorials?|tests?|testing|fixtures|e2e|specs?)|__tests__|test[-_]?data)$/i;

const FILE_SUFFIX =
  /\.(?:[cm]?[jt]sx?|json|ya?ml|md|txt|py|go|rs|java|kt|rb|php|cs|css|s[ac]ss|html?|svg|png|jpe?g|gif|sh|toml|lock|xml|ini|cfg|sql|map|c|h|cc|cpp|hpp|proto|ico|woff2?)$/i;

function subdirectories(level: readonly Directory[]): readonly string[] {
  const paths = level.flatMap(({ path, names }) =>
    names
      .filter((name) => !FILE_SUFFIX.test(name) && !SKIPPED.test(name))
      .map((name) => ({ path: join(path, name), likely: LIKELY.test(name) || LIKELY.test(lastName(path)) })),
  );
  const ordered = [...paths.filter(({ likely }) => likely), ...paths.filter(({ likely }) => !likely)];
  const found: string[] = [];
  for (const { path } of ordered.slice(0, MAX_ENTRIES)) {
    if (found.length === MAX_DIRECTORIES) break;
    if (kindOf(path) === 'directory') found.push(path);
  }
  return found;
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Kinds that run containers, with the API groups that define them; `''` is the core group. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  Pod: [''],
  ReplicationController: [''],
  Deployment: ['apps', 'extensions'],
  StatefulSet: ['apps'],
  DaemonSet: ['apps', 'extensions'],
  ReplicaSet: ['apps', 'extensions'],
  Job: ['batch'],
  CronJob: ['batch'],
  Rollout: ['argoproj.io'],
  DeploymentConfig: ['apps.openshift.io', ''],
  Service: ['serving.knative.dev'],
  CloneSet: ['apps.kruise.io'],
};

/**
 * The kind of the first workload in a text of manifests, or null. Templates do not count: a Helm template is
 * not YAML until it was rendered, and says nothing about the directory that it stands in.
 */
export function workloadKind(text: string): string | null {
  if (/^\s*\{/.test(text)) return jsonWorkload(text);
  if (!/^kind:/m.test(text)) return null;
  for (const part of text.split(/^---(?:[ \t].*)?\r?$/m)) {
    const kind = documentKind(part);
    if (kind !== null) return kind;
  }
  return null;
}

function documentKind(document: string): string | null {
  const kind = topLevel(document, 'kind');
  const version = topLevel(document, 'apiVersion');
  if (kind === null || version === null || isTemplate(document)) return null;
  if (kind === 'List' && version === 'v1') {
    const inner = [...document.matchAll(/^[ \t]*(?:-[ \t]+)?kind:[ \t]*([A-Za-z]+)[ \t]*\r?$/gm)];
    return (
      inner.map((match) => match[1] ?? '').find((name) => isWorkload(name, 'apps/v1') || name === 'Pod') ??
      null
    );
  }
  const named =
    /^metadata:[ \t]*\{.*\b(?:name|generateName):[ \t]*\S|^metadata:[ \t]*(?:#.*)?\r?\n(?:[ \t]+.*\r?\n|[ \t]*#.*\r?\n|\r?\n)*?[ \t]+(?:name|generateName):[ \t]*\S/m;
  return isWorkload(kind, version) && named.test(`${document}\n`) ? kind : null;
}

function topLevel(document: string, key: string): string | null {
  return (
    new RegExp(`^${key}:[ \\t]*["']?([\\w./-]+)["']?[ \\t]*(?:#.*)?\\r?$`, 'm').exec(document)?.[1] ?? null
  );
}

function isWorkload(kind: string, apiVersion: string): boolean {
  const slash = apiVersion.indexOf('/');
  const groups = Object.hasOwn(WORKLOADS, kind) ? WORKLOADS[kind] : undefined;
  return groups?.includes(slash < 0 ? '' : apiVersion.slice(0, slash)) ?? false;
}

/** `{{ ... }}` where a value or a whole line stands; inside a block of text it is only text. */
function isTemplate(document: string): boolean {
  if (!document.includes('{{') && !document.includes('<%')) return false;
  let textIndent = -1;
  for (const line of document.split('\n')) {
    const indent = line.search(/\S/);
    if (indent < 0 || (textIndent >= 0 && indent > textIndent)) continue;
    textIndent = /(?::|^\s*-)\s+[|>][+-]?\d?[+-]?\s*(?:#.*)?$/.test(line) ? indent : -1;
    if (/^\s*(?:-\s+)?(?:\{\{|<%)|:\s+(?:\{\{|<%)/.test(line)) return true;
    if (/^\s*(?:-\s+)?(?:name|namespace|image):.*(?:\{\{|<%)/.test(line)) return true;
  }
  return false;
}

function jsonWorkload(text: string): string | null {
  if (!text.includes('"apiVersion"')) return null;
  try {
    const value: unknown = JSON.parse(text);
    const items =
      isRecord(value) && value['kind'] === 'List' && Array.isArray(value['items']) ? value['items'] : [value];
    const found = items.find(
      (item: unknown) =>
        isRecord(item) &&
        typeof item['kind'] === 'string' &&
        typeof item['apiVersion'] === 'string' &&
        isRecord(item['metadata']) &&
        isWorkload(item['kind'], item['apiVersion']),
    );
    return isRecord(found) ? String(found['kind']) : null;
  } catch {
    return null; // not JSON: not a manifest
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
