import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { BerthError } from '../../core/errors.ts';

/** Pods are entered by kubectl, whatever tells about them. @throws {BerthError} `RUNTIME_UNAVAILABLE` */
export async function mustHaveKubectl(path = process.env.PATH ?? ''): Promise<void> {
  const places = path.split(delimiter).map((folder) => access(join(folder, 'kubectl'), constants.X_OK));
  await Promise.any(places).catch(() => {
    throw noKubectl();
  });
}

export function noKubectl(): BerthError {
  return new BerthError('kubectl is not installed.', {
    code: 'RUNTIME_UNAVAILABLE',
    hint: 'Install it from https://kubernetes.io/docs/tasks/tools/.',
  });
}
