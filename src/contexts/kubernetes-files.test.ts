import { describe, expect, test } from 'vitest';
import { tiltfileKind, workloadKind } from './kubernetes-files.ts';

const manifest = (kind: string, apiVersion: string, rest = '') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  labels: {app: x}\n  name: web\n${rest}`;

describe('workloads', () => {
  test.each([
    ['a Deployment', 'Deployment', manifest('Deployment', 'apps/v1')],
    ['an old Deployment', 'Deployment', manifest('Deployment', 'extensions/v1beta1')],
    [
      'a Pod with quotes and comments',
      'Pod',
      '# x\napiVersion: "v1" # y\nkind: \'Pod\'\nmetadata:\n  # z\n  name: a\n',
    ],
    [
      'a mapping on one line',
      'Job',
      'apiVersion: batch/v1\nkind: Job\nmetadata: {labels: {a: b}, name: a}\n',
    ],
    ['a generated name', 'Job', 'kind: Job\napiVersion: batch/v1\nmetadata:\n  generateName: a-\n'],
    ['the second document', 'CronJob', `${manifest('Service', 'v1')}---\n${manifest('CronJob', 'batch/v1')}`],
    ['lines that end with CRLF', 'Pod', manifest('Pod', 'v1').replaceAll('\n', '\r\n')],
    [
      'a List',
      'Deployment',
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n',
    ],
    ['JSON', 'Pod', '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}'],
    [
      'a JSON list',
      'Pod',
      '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {}}]}',
    ],
    ['a Knative Service', 'Service', manifest('Service', 'serving.knative.dev/v1')],
    [
      'a template inside a block of text',
      'Deployment',
      manifest('Deployment', 'apps/v1', 'data:\n  x: |\n    {{ with secret "a" }}\n    {{ end }}\n  y: 1\n'),
    ],
  ])('%s counts', (_, kind, text) => {
    expect(workloadKind(text)).toBe(kind);
  });

  test.each([
    ['a Service', manifest('Service', 'v1')],
    ['a Deployment of another API', manifest('Deployment', 'example.com/v1')],
    ['a kubeconfig', 'apiVersion: v1\nkind: Config\nclusters: []\n'],
    ['a mapping on one line without a name', 'apiVersion: batch/v1\nkind: Job\nmetadata: {labels: {a: b}}\n'],
    ['a document without metadata', 'apiVersion: apps/v1\nkind: Deployment\nspec: {}\n'],
    [
      'metadata without a name',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels: {a: b}\nspec: {}\n',
    ],
    ['a Helm template', manifest('Deployment', 'apps/v1', 'spec:\n  replicas: {{ .Values.replicas }}\n')],
    [
      'a Helm template with a condition',
      `{{- if .Values.on }}\n${manifest('Deployment', 'apps/v1')}{{- end }}\n`,
    ],
    ['a Jinja template', manifest('Pod', 'v1').replace('name: web', 'name: "{{ app }}"')],
    ['a manifest inside a text', 'x: |\n  apiVersion: v1\n  kind: Pod\n  metadata:\n    name: x\n'],
    ['broken JSON', '{"apiVersion": "v1", "kind": "Pod", "metadata": {'],
    ['a kind that every object has', '{"apiVersion": "v1", "kind": "constructor", "metadata": {}}'],
    ['nothing', ''],
  ])('%s does not', (_, text) => {
    expect(workloadKind(text)).toBeNull();
  });
});

test.each([
  ["docker_compose('a.yml')", 'compose', ['a.yml']],
  ['docker_compose(["a.yml", "b.yaml"], project_name="x")', 'compose', ['a.yml', 'b.yaml']],
  ['docker_compose(\n  configPaths,\n)', 'compose', []],
  ["docker_compose('a.yml')\nk8s_yaml('b.yml')", 'kubernetes', ['a.yml']],
  ["# docker_compose('a.yml')", 'kubernetes', []],
  ['', 'kubernetes', []],
] as const)('the Tiltfile %j is of %s', (text, kind, composeFiles) => {
  expect(tiltfileKind(text)).toEqual({ kind, composeFiles });
});
