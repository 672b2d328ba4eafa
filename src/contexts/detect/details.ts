import { dirname } from 'node:path';
import type { ComposeProject, DevcontainerSummary } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import { findComposeFiles } from '../compose/find.ts';
import { type Devcontainer, type Environment, readDevcontainer } from '../devcontainer.ts';
import { type ComposeFinding, reading } from './compose.ts';
import type { Finding } from './finding.ts';
import { visible } from './visible.ts';

export interface Details {
  readonly facts: { readonly services?: readonly string[]; readonly devcontainer?: DevcontainerSummary };
  readonly warnings: readonly string[];
}

export const NONE: Details = { facts: {}, warnings: [] };

/** What else is known of the winner: services of Compose, kind and service of a dev container. */
export async function detailsOf(winner: Finding, environment: Environment): Promise<Details> {
  if (isComposeFinding(winner)) {
    return { facts: servicesOf(winner.project), warnings: winner.warnings };
  }
  const path = winner.candidate.evidence[0]?.path;
  if (winner.candidate.type !== 'devcontainer' || path === undefined) return NONE;
  try {
    return await devcontainerDetails(await readDevcontainer(path, environment), environment);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return { facts: {}, warnings: [error.message] };
  }
}

async function devcontainerDetails(
  { path, source }: Devcontainer,
  environment: Environment,
): Promise<Details> {
  const service = source.kind === 'compose' ? source.service : null;
  const devcontainer: DevcontainerSummary = { path, kind: source.kind, service };
  if (source.kind !== 'compose') return { facts: { devcontainer }, warnings: [] };
  const files = source.files.length === 0 ? {} : { composeFiles: source.files };
  const found = await findComposeFiles(dirname(path), { environment, ...files });
  if (found === null) {
    return {
      facts: { devcontainer },
      warnings: [`${visible(dirname(path))} has no Compose file.`],
    };
  }
  const { project, warnings } = await reading(found, environment);
  const isMissing = project !== null && !project.services.some(({ name }) => name === service);
  return {
    facts: { devcontainer, ...servicesOf(project) },
    warnings: [
      ...warnings,
      ...(isMissing
        ? [
            `The dev container enters service "${visible(service ?? '')}", which its Compose files do not have.`,
          ]
        : []),
    ],
  };
}

/** Names of the services that are on; nothing where the files could not be read. */
function servicesOf(project: ComposeProject | null): { readonly services?: readonly string[] } {
  if (project === null) return {};
  return { services: project.services.filter(({ enabled }) => enabled).map(({ name }) => name) };
}

function isComposeFinding(finding: Finding): finding is ComposeFinding {
  return 'project' in finding;
}
