import type { ExplainedContainer, Explanation } from '../actions/deps.ts';
import { printable } from './text.ts';

/** An explanation for people; it fits a screen. */
export function explanationText(explanation: Explanation): string {
  const { host, dir, container, user, env, toolchain, git, prereqs, command, steps, warnings } = explanation;
  const facts: readonly (readonly [string, string | null])[] = [
    ['where', container ? containerText(container) : `host ${host}`],
    ['because', container?.reason ?? null],
    ...(container?.rejected ?? []).map(({ name, reason }) => ['not', `${name}: ${reason}`] as const),
    ['directory', container ? `${dir.host} -> ${dir.target}` : dir.host],
    ['user', user],
    ['git', git ? gitText(git) : null],
    ['toolchain', toolchain ? `${toolchain.kind}: ${toolchain.reason}` : null],
    ['environment', env.join(' ')],
    ...prereqs.map((line) => ['first', line] as const),
    ...steps.map((step, at) => [at === 0 ? 'steps' : '', `${at + 1}. ${step}`] as const),
    ['command', command.display],
    ...warnings.map((warning) => ['warning', warning] as const),
  ];
  const shown = facts.filter(([, value]) => value !== null && value !== '');
  return shown.map(([name, value]) => `${name.padEnd(12)} ${printable(value ?? '')}`).join('\n');
}

function containerText({ type, service, pod, image, id, project, namespace }: ExplainedContainer): string {
  const name = service ?? pod ?? image ?? 'container';
  const scope = project ?? namespace;
  const details = [type, scope && `project ${scope}`, id ? id.slice(0, 12) : 'a new one'].filter(Boolean);
  return `${name} (${details.join(', ')})`;
}

function gitText({ root, branch, worktree, dirty }: NonNullable<Explanation['git']>): string {
  const state = dirty === null ? '' : dirty ? ', uncommitted changes' : ', clean';
  return `${branch ?? 'no branch'} in ${worktree ?? root}${state}`;
}
