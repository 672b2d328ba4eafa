import { join } from 'node:path';
import type { Evidence } from '../../core/detection.ts';
import { looksLikeDockerfile } from './dockerfile-syntax.ts';
import { type Directory, fileIn, textOf } from './files.ts';
import type { Finding, Findings } from './finding.ts';

/** What only Podman reads: Quadlet units, a Podfile that is not CocoaPods', and its own Compose names. */
export function podmanFiles(directory: Directory): Findings {
  const { evidence: podfile, warnings } = podfileEvidence(directory);
  const found: Finding[] = [];
  const compose = COMPOSE_NAMES.map((name) => fileIn(directory, name)).filter((path) => path !== null);
  if (compose.length > 0) {
    const evidence = compose.map((path) => ({ path, rule: 'a Compose file that podman-compose looks for' }));
    found.push(finding('podman_compose', directory, evidence));
  }
  const units = [...quadletUnits(directory), ...podfile];
  if (units.length > 0) found.push(finding('podman_unit', directory, units));
  return { found, warnings };
}

const COMPOSE_NAMES = [
  'podman-compose.yaml',
  'podman-compose.yml',
  'container-compose.yaml',
  'container-compose.yml',
];

function finding(place: Finding['place'], { path }: Directory, evidence: readonly Evidence[]): Finding {
  return { place, candidate: { type: 'podman', dir: path, confidence: 'strong', evidence } };
}

/** Suffix and the section that makes it Podman's. Source: podman-systemd.unit(5). */
const SECTIONS: Readonly<Record<string, string>> = {
  container: 'Container',
  pod: 'Pod',
  kube: 'Kube',
  volume: 'Volume',
  network: 'Network',
  build: 'Build',
  image: 'Image',
  artifact: 'Artifact',
};

const MAX_UNITS = 20;

function quadletUnits(directory: Directory): readonly Evidence[] {
  return directory.names
    .filter((name) => Object.hasOwn(SECTIONS, suffixOf(name)))
    .slice(0, MAX_UNITS)
    .flatMap((name) => {
      const section = SECTIONS[suffixOf(name)] ?? '';
      const path = join(directory.path, name);
      return isQuadlet(textOf(path) ?? '', section)
        ? [{ path, rule: `a Quadlet unit with [${section}]` }]
        : [];
    });
}

function suffixOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function isQuadlet(text: string, section: string): boolean {
  const sections = [...text.matchAll(/^[ \t]*\[([A-Za-z-]+)\][ \t]*\r?$/gm)].map((match) => match[1]);
  // systemd-networkd's own .network files have [Network] too, but always with [Match]
  return sections.includes(section) && !sections.includes('Match');
}

/** `Podfile` is also the name of CocoaPods' file, which is Ruby and stands beside an Xcode project. */
function podfileEvidence(directory: Directory): {
  readonly evidence: readonly Evidence[];
  readonly warnings: readonly string[];
} {
  const path = fileIn(directory, 'Podfile');
  if (path === null) return { evidence: [], warnings: [] };
  const text = textOf(path) ?? '';
  const xcode = directory.names.find(
    (name) => /\.(?:xcodeproj|xcworkspace)$/.test(name) || name === 'Podfile.lock',
  );
  if (xcode !== undefined || RUBY.test(text)) {
    const why = xcode === undefined ? 'it is written in Ruby' : 'it stands beside an Xcode project';
    return { evidence: [], warnings: [`Podfile belongs to CocoaPods, not to Podman: ${why}.`] };
  }
  const rule = looksLikeDockerfile(text)
    ? 'a Podfile that parses as a build file'
    : "a Podfile, not CocoaPods'";
  return { evidence: [{ path, rule }], warnings: [] };
}

/** Lines of CocoaPods' language, also where they are commented out. */
const RUBY = new RegExp(
  [
    'platform\\s*\\(?\\s*:',
    '(?:abstract_)?target\\s*\\(?\\s*[\'":]',
    'pod\\s*\\(?\\s*[\'"]',
    'source\\s*\\(?\\s*[\'"]https?:',
    '(?:workspace|project)\\s*\\(?\\s*[\'"]',
    'require(?:_relative)?\\s*\\(?\\s*(?:[\'"]|File\\b|Pod\\b)',
    'use_(?:frameworks|modular_headers|react_native|expo_modules)',
    'install!|inhibit_all_warnings!|inherit!|plugin\\s+[\'"]',
    '(?:pre|post)_(?:install|integrate)\\s+do\\b',
    'def\\s+\\w+',
  ]
    .map((start) => `(?:${start})`)
    .join('|')
    .replace(/^(.*)$/, '^[ \\t]*(?:#[ \\t]*)?(?:$1)'),
  'm',
);
