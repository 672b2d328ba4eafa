import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { detectContainerContext } from '../src/contexts/detect.ts';
import { declaredWorkloads } from '../src/contexts/kubernetes-workloads.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-declared-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: app, image: 'reg:5000/acme/web:1'}, {name: log, image: fluentd}]}}}
`;
const CRON = `apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: acme/job}]}}}}}
`;
const TEMPLATE = `{{- if .Values.on }}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .Release.Name }}-db
  labels:
    {{- include "c.labels" . | nindent 4 }}
spec:
  template:
    spec:
      containers:
        - name: pg
          image: "{{ .Values.repo }}:{{ .Values.tag | default "x" }}"
{{- end }}
`;

async function declared(files: Readonly<Record<string, string>>, dir = '.') {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const { candidates } = await detectContainerContext(join(root, dir), { environment: {} });
  const candidate = candidates.find(({ type }) => type === 'kubernetes');
  const found = candidate === undefined ? [] : await declaredWorkloads(candidate);
  return found.map(({ kind, name, containers }) => [
    kind,
    name,
    ...containers.map((one) => `${one.name}=${one.image}`),
  ]);
}

const WEB = ['Deployment', 'web', 'app=reg:5000/acme/web:1', 'log=fluentd'];

test('a Kustomize overlay shows the names and images that it makes', async () => {
  const overlay =
    'namePrefix: dev-\nresources: [../base]\nimages: [{name: "reg:5000/acme/web", newTag: "2"}]\n';
  const files = {
    'base/kustomization.yaml': 'resources: [d.yaml]',
    'base/d.yaml': DEPLOYMENT,
    'over/kustomization.yaml': overlay,
  };

  expect(await declared(files, 'over')).toEqual([
    ['Deployment', 'dev-web', 'app=reg:5000/acme/web:2', 'log=fluentd'],
  ]);
});

test('a Helm chart shows what is plain in its templates', async () => {
  const files = {
    'Chart.yaml': 'apiVersion: v2\nname: c\n',
    'templates/db.yaml': TEMPLATE,
    'templates/web.yaml': DEPLOYMENT,
  };

  expect(await declared(files)).toEqual([['StatefulSet', '*-db', 'pg=*:*'], WEB]);
});

test('Skaffold, DevSpace and Tilt lead to the manifests that they name', async () => {
  const skaffold = {
    'skaffold.yaml': 'manifests: {rawYaml: [k8s/*.yaml]}\n',
    'k8s/d.yaml': DEPLOYMENT,
    'k8s/c.yaml': CRON,
  };
  expect(await declared(skaffold)).toEqual([['CronJob', 'nightly', 'job=acme/job'], WEB]);
  rmSync(root, { recursive: true });

  const devspace =
    'deployments:\n  api: {helm: {values: {containers: [{image: acme/api}]}}}\n  web: {kubectl: {manifests: [m]}}\n';
  expect(await declared({ 'devspace.yaml': devspace, 'm/d.yaml': DEPLOYMENT })).toEqual([
    ['Deployment', 'api', '*=acme/api'],
    WEB,
  ]);
  rmSync(root, { recursive: true });

  expect(await declared({ Tiltfile: "k8s_yaml('deploy/d.yaml')\n", 'deploy/d.yaml': DEPLOYMENT })).toEqual([
    WEB,
  ]);
});

test('files that lead in circles, or to nothing, end', async () => {
  const files = {
    'kustomization.yaml': 'resources: [., no-such, other]\n',
    'other/kustomization.yaml': 'resources: [..]\n',
  };

  expect(await declared(files)).toEqual([]);
});
