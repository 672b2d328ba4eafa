// Simulates a range of seeds in a process of its own, and prints what it found as one line of JSON.
import { findViolation } from './program.ts';

const [from = 1, count = 0] = process.argv.slice(2).map(Number);
process.stdout.write(`${JSON.stringify(findViolation(from, count))}\n`);
