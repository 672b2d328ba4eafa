import type { Session } from './session.ts';

/** Keeps what the sessions of this machine say of their containers true, from what the engines tell. */
export interface ContainerWatch extends Disposable {
  /** The sessions as they are now. An engine is listened to for as long as one of them is in a container of its. */
  follow(sessions: readonly Session[]): void;
}
