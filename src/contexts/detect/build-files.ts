import { join } from 'node:path';
import type { Evidence } from '../../core/detection.ts';
import { looksLikeDockerfile } from './dockerfile-syntax.ts';
import { type Directory, fileIn, kindOf, textOf } from './files.ts';
import type { Finding } from './finding.ts';
import { visible } from './visible.ts';

/** What `docker build` and `podman build` find, and what they would find with `-f`. */
export function buildFiles(directory: Directory): readonly Finding[] {
  const found = [docker(directory), podman(directory)].filter((finding) => finding !== null);
  return found.length > 0 ? found : ignoreFile(directory);
}

function docker(directory: Directory): Finding | null {
  const plain = fileIn(directory, 'Dockerfile');
  const others = variants(directory, DOCKER_VARIANT);
  if (plain === null && others.length === 0) return null;
  const rule = plain === null ? null : ruleOf(textOf(plain));
  const evidence: Evidence[] = plain === null || rule === null ? [] : [{ path: plain, rule }];
  return {
    place: 'build_file',
    candidate: {
      type: 'docker',
      dir: directory.path,
      confidence: rule === null || rule === PLAIN ? 'strong' : 'weak',
      evidence: [...evidence, ...others],
    },
  };
}

const PLAIN = "Docker's build file";

function ruleOf(text: string | null): string {
  if (text === null) return 'named Dockerfile, but could not be read';
  return looksLikeDockerfile(text) ? PLAIN : 'named Dockerfile, but does not parse as one';
}

function podman(directory: Directory): Finding | null {
  const plain = fileIn(directory, 'Containerfile');
  const others = variants(directory, PODMAN_VARIANT);
  if (plain === null && others.length === 0) return null;
  const evidence: Evidence[] = plain === null ? [] : [{ path: plain, rule: "Podman's build file" }];
  return {
    place: 'build_file',
    candidate: {
      type: 'podman',
      dir: directory.path,
      confidence: 'strong',
      evidence: [...evidence, ...others],
    },
  };
}

const DOCKER_VARIANT = /^(?:dockerfile(?:[.-].+)?|.+\.dockerfile)$/is;
const PODMAN_VARIANT = /^(?:containerfile(?:[.-].+)?|.+\.containerfile)$/is;
const MAX_VARIANTS = 20;

/** Files in other case or with a word before or behind: nobody finds them without `-f`, and some only look alike. */
function variants(directory: Directory, pattern: RegExp): readonly Evidence[] {
  return directory.names
    .filter((name) => pattern.test(name) && name !== 'Dockerfile' && name !== 'Containerfile')
    .slice(0, MAX_VARIANTS)
    .filter((name) => isBuildFile(name, textOf(join(directory.path, name)) ?? ''))
    .map((name) => ({
      path: join(directory.path, name),
      rule: `a build file that only \`-f ${visible(name)}\` finds`,
    }));
}

/** The bare name in other case stands for itself, as `Dockerfile` does; more than the name has to parse. */
function isBuildFile(name: string, text: string): boolean {
  return looksLikeDockerfile(text) || (/^(?:docker|container)file$/i.test(name) && text.trim() === '');
}

function ignoreFile(directory: Directory): readonly Finding[] {
  const path = fileIn(directory, '.dockerignore');
  if (path === null || kindOf(path) !== 'file') return [];
  return [
    {
      place: 'ignore_file',
      candidate: {
        type: 'docker',
        dir: directory.path,
        confidence: 'low',
        evidence: [{ path, rule: 'an ignore file for image builds, but nothing to build' }],
      },
    },
  ];
}
