import type { TmuxControl } from '../tmux-control.ts';

/** Somebody who typed this recently is not interrupted. */
const TYPED_SECONDS = 3;

/** Whether a person uses a terminal that shows this pane's session. */
export async function somebodyTypes(control: TmuxControl, pane: string): Promise<boolean> {
  const clients = await control.run([
    'list-clients',
    '-t',
    pane,
    '-F',
    '#{client_control_mode} #{client_activity}',
  ]);
  const now = Date.now() / 1000;
  return clients.some((line) => {
    const [isControl, activity] = line.split(' ');
    return isControl !== '1' && now - Number(activity) < TYPED_SECONDS;
  });
}
