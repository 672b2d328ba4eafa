import type { ComposeMount, ComposeProject, ComposeService } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import { visible } from '../detect/visible.ts';
import type { ComposeSource } from './find.ts';
import { lookupIn } from './interpolate.ts';
import { diskFiles, type ProjectFiles, type Reading } from './layer.ts';
import { startLimits } from './limits.ts';
import { type Loaded, loadFiles } from './load.ts';
import { projectName } from './name.ts';
import { NAMESPACE_KEYS } from './services.ts';
import { isList, isMap, textOf, textsOf, type Value, type ValueMap } from './value.ts';
import { cleanTarget } from './volumes.ts';

/**
 * Read a Compose project as Compose does, without Compose and without starting anything. What Compose
 * would refuse is listed as far as it can be understood, with a warning.
 *
 * @param environment  the caller's, for variables and `~`
 * @throws {BerthError} `COMPOSE_INVALID`: broken YAML (file, line, column), files or services that lead
 *   to themselves, files that expand beyond measure, no file that can be read
 */
export async function readCompose(
  source: ComposeSource,
  environment: Readonly<Record<string, string | undefined>>,
  files: ProjectFiles = diskFiles,
): Promise<ComposeProject> {
  const warnings = new Set(source.warnings);
  const reading: Reading = {
    yaml: await import('yaml'), // only now: most commands never read a Compose file
    files,
    limits: startLimits(),
    documents: new Map(),
    warn: (sentence) => warnings.add(cut(sentence)),
    unset: new Set(),
  };
  try {
    const project = load(source, environment, reading);
    if (!source.files.some((file) => reading.documents.has(file))) throw unread(source, [...warnings]);
    return { ...project, warnings: [...shortened([...warnings]), ...unsetWarning(reading.unset)] };
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(source, error);
    throw error;
  }
}

function load(
  source: ComposeSource,
  environment: Readonly<Record<string, string | undefined>>,
  reading: Reading,
): ComposeProject {
  const variable = lookupIn({ PWD: source.cwd }, environment, source.variables);
  const name = projectName(source, variable, reading);
  const lookup = (key: string) => (key === 'COMPOSE_PROJECT_NAME' ? name : variable(key));
  const base = { dir: source.dir, home: environment['HOME'] ?? null };
  const loaded = loadFiles(source.files, { base, lookup }, { reading, chain: [] });
  const listed = Object.keys(loaded.services).map((key) => toService(key, loaded, source.profiles));
  for (const service of listed) checkService(service, loaded.services, reading);
  return {
    dir: source.dir,
    files: source.files,
    name,
    services: listed.sort((a, b) => (a.name < b.name ? -1 : 1)),
    activeProfiles: source.profiles,
    warnings: [],
  };
}

function toService(name: string, { services, bound }: Loaded, active: readonly string[]): ComposeService {
  const value = services[name];
  const service: ValueMap = isMap(value) ? value : {};
  const profiles = textsOf(service['profiles']);
  return {
    name,
    image: textOf(service['image']) || null,
    build: toBuild(service['build']),
    profiles,
    enabled: profiles.length === 0 || active.some((profile) => profile === '*' || profiles.includes(profile)),
    volumes: isList(service['volumes'])
      ? service['volumes'].filter(isMap).map((volume) => toMount(volume, bound))
      : [],
    // each may have options behind a colon: /run:size=1m
    tmpfs: textsOf(service['tmpfs']).map((entry) => cleanTarget(entry.split(':')[0] ?? '')),
    workingDir: textOf(service['working_dir']) || null,
    user: textOf(service['user']) || null,
    containerName: textOf(service['container_name']) || null,
    dependsOn: dependenciesOf(service),
  };
}

function toBuild(build: Value | undefined): ComposeService['build'] {
  if (!isMap(build)) return null;
  const dockerfile = textOf(build['dockerfile']) ?? ('dockerfile_inline' in build ? null : 'Dockerfile');
  return { context: textOf(build['context']) ?? '', dockerfile };
}

function toMount(volume: ValueMap, bound: ValueMap): ComposeMount {
  const type = textOf(volume['type']);
  const source = textOf(volume['source']);
  const directory = type === 'volume' && source !== null ? textOf(bound[source]) : null;
  return {
    ...(directory === null
      ? { type: type === 'bind' || type === 'volume' || type === 'tmpfs' ? type : 'other', source }
      : { type: 'bind', source: directory }),
    target: cleanTarget(textOf(volume['target']) ?? ''),
    readOnly: volume['read_only'] === true,
  };
}

/** Named ones, and those that links, shared namespaces and `volumes_from` imply. */
function dependenciesOf(service: ValueMap): readonly string[] {
  const named = isMap(service['depends_on']) ? Object.keys(service['depends_on']) : [];
  const linked = textsOf(service['links']).map((link) => link.split(':')[0] ?? '');
  const shared = NAMESPACE_KEYS.map((key) => textOf(service[key]) ?? '')
    .filter((value) => value.startsWith('service:'))
    .map((value) => value.slice('service:'.length));
  const mounted = textsOf(service['volumes_from'])
    .filter((value) => !value.startsWith('container:'))
    .map((value) => value.split(':')[0] ?? '');
  return [...new Set([...named, ...linked, ...shared, ...mounted])].sort();
}

function checkService(service: ComposeService, all: ValueMap, { warn }: Reading): void {
  const definition = all[service.name];
  if (service.image === null && service.build === null && isMap(definition) && !('provider' in definition)) {
    warn(`Service ${visible(service.name)} has neither an image nor a build; Compose refuses that.`);
  }
  for (const name of service.dependsOn) {
    if (!(name in all))
      warn(`Service ${visible(service.name)} depends on ${visible(name)}, which is not there.`);
  }
}

/** A value of the file stands in many warnings, and may be a megabyte. */
function cut(sentence: string): string {
  return sentence.length > 500 ? `${sentence.slice(0, 500)}…` : sentence;
}

const MAX_WARNINGS = 50;

function shortened(warnings: readonly string[]): readonly string[] {
  if (warnings.length <= MAX_WARNINGS) return warnings;
  return [...warnings.slice(0, MAX_WARNINGS), `${warnings.length - MAX_WARNINGS} more warnings.`];
}

function unsetWarning(unset: ReadonlySet<string>): readonly string[] {
  if (unset.size === 0) return [];
  const names = [...unset].slice(0, 20).join(', ');
  const more = unset.size > 20 ? ` and ${unset.size - 20} more` : '';
  return [`Variables without a value, which are taken as empty: ${names}${more}.`];
}

/** None of the files could be read: that is no project without services. */
function unread(source: ComposeSource, warnings: readonly string[]): BerthError {
  return new BerthError(warnings.at(-1) ?? `There is no Compose file in ${visible(source.dir)}.`, {
    code: 'COMPOSE_INVALID',
    hint: 'Make it a regular file below 1 MiB that you may read.',
  });
}

function tooDeep(source: ComposeSource, cause: RangeError): BerthError {
  return new BerthError(`The Compose files of ${visible(source.dir)} are nested too deeply.`, {
    code: 'COMPOSE_INVALID',
    hint: 'Look at what the files include and extend.',
    cause,
  });
}
