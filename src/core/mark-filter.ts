/**
 * Lets a stream of a task pass and keeps the supervisor's words at its end back.
 * Bytes in, bytes out; nothing is decoded.
 */
export class MarkFilter {
  private readonly lead: Buffer;
  private held = Buffer.alloc(0);
  private found = false;

  constructor(nonce: string) {
    this.lead = Buffer.from(`\x1eberth ${nonce} `);
  }

  /** What of these bytes is the task's own for sure. */
  pass(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.held, bytes]);
    const mark = this.found ? 0 : all.indexOf(this.lead);
    if (mark >= 0) {
      this.found = true;
      this.held = all.subarray(mark);
      return all.subarray(0, mark);
    }
    const keep = overlap(all, this.lead);
    this.held = all.subarray(all.length - keep);
    return all.subarray(0, all.length - keep);
  }

  /** The supervisor's words came; nothing more of the task will. */
  get ended(): boolean {
    return this.found;
  }

  /** What is held back: the supervisor's words, or the task's own when the stream ended without them. */
  get rest(): Buffer {
    return this.held;
  }
}

/** Length of the longest end of `text` that is a beginning of `lead`. */
function overlap(text: Buffer, lead: Buffer): number {
  for (let length = Math.min(text.length, lead.length - 1); length > 0; length--) {
    if (text.subarray(text.length - length).equals(lead.subarray(0, length))) return length;
  }
  return 0;
}
