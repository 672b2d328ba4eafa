// Written by berth for one session: tells what opencode does, one JSON line an event. It changes nothing.
import { appendFileSync } from 'node:fs';

const tell = (line) => {
  try {
    appendFileSync(new URL('events.jsonl', import.meta.url), `${JSON.stringify(line)}\n`, { mode: 0o600 });
  } catch {}
};

/** Prompts that were taken and have no end yet, oldest first. */
let open = [];
const answers = new Map();

const end = (turn, error = turn.error) => {
  open = open.filter((one) => one !== turn);
  tell({ berth: 'end', text: turn.text, answer: turn.answer ?? null, error: error ?? null });
};

const heard = {
  'message.updated': ({ info }) => {
    if (info.role !== 'assistant') return;
    const turn = open.find(({ id }) => id === info.parentID);
    if (!turn) return;
    if (!turn.began) {
      for (const earlier of open.slice(0, open.indexOf(turn))) end(earlier);
      turn.began = true;
      tell({ berth: 'begin', text: turn.text });
    }
    turn.error = info.error ?? turn.error;
    turn.answer = answers.get(info.id) ?? turn.answer;
    turn.over ||= Boolean(info.time?.completed || info.error);
  },
  'message.part.updated': ({ part }) => {
    if (part.type === 'text' && part.text) answers.set(part.messageID, part.text);
    const turn = open.find(({ began }) => began);
    if (part.type === 'text' && turn) turn.answer = part.text || turn.answer;
  },
  'session.error': ({ error, sessionID }) => {
    const turn = open.find(({ session }) => session === sessionID);
    if (turn) Object.assign(turn, { error, over: true });
  },
  // it comes twice after an error, and for the sessions of subagents too
  'session.idle': ({ sessionID }) => {
    for (const turn of open.filter(({ session, over }) => session === sessionID && over)) end(turn);
  },
  'permission.asked': ({ permission, patterns }) =>
    tell({ berth: 'asks', what: `${permission}: ${(patterns ?? []).join(' ')}` }),
  'permission.replied': () => tell({ berth: 'goes on' }),
  'question.asked': ({ questions }) => tell({ berth: 'questions', what: questions?.[0]?.question ?? '' }),
  'question.replied': () => tell({ berth: 'goes on' }),
};

export const Berth = async () => {
  tell({ berth: 'ready' });
  return {
    event: async ({ event }) => heard[event.type]?.(event.properties ?? {}),
    'chat.message': async ({ sessionID }, { message, parts }) => {
      const text = parts.map((part) => (part.type === 'text' && !part.synthetic ? part.text : '')).join('');
      const began = open.length === 0;
      tell({ berth: began ? 'begin' : 'queue', text });
      open.push({ id: message.id, session: sessionID, text, began, over: false });
    },
  };
};
