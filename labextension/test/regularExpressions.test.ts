/** Regular expressions take time proportional to the length of a text, whatever the text is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUsage, hrtime } from 'node:process';
import { setImmediate } from 'node:timers/promises';

import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const SOURCES = join(__dirname, '..', 'src');
/** Lengths for which the time is compared: the second is 16 times the first. */
const SIZES = [2_048, 32_768] as const;
/** Maximum factor between them: it is 16 for linear patterns, 256 for quadratic ones. */
const MAX_GROWTH = 80;
/** Milliseconds below which a measurement is noise. */
const MIN_TIME = 0.5;
/** Nanoseconds for 1,024 characters that only cubic and slower patterns take; longer texts would not end. */
const HOPELESS = 50_000_000;
/** Ends with which patterns do not match, so that all alternatives are tried. */
const ENDS = ['', '\0', '\n!'] as const;

function patterns(): RegExp[] {
  const found: RegExp[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      found.push(new RegExp(node.text.slice(1, end), node.text.slice(end + 1)));
    }
    ts.forEachChild(node, visit);
  };
  sources().forEach(text => visit(ts.createSourceFile('source.tsx', text, ts.ScriptTarget.Latest, true)));
  return found;
}

/** Return parts of a text to repeat: the words of a pattern, common characters, and pairs of them. */
function parts(pattern: RegExp): string[] {
  const words = pattern.source.match(/[A-Za-z_]{3,}/g) ?? [];
  const punctuation = pattern.source.match(/[^A-Za-z0-9\s]/g) ?? [];
  const single = [
    ...new Set([...words, words.join(''), ...punctuation, 'a', '1', ' ', '\n', '"', "'", '-', '--base ', '--base='])
  ];
  return [...single, ...single.flatMap(one => single.map(other => one + other))].filter(part => part !== '');
}

function milliseconds(pattern: RegExp, text: string): number {
  const before = cpuUsage();
  pattern.test(text);
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}

function isSlow(pattern: RegExp, part: string, end: string): boolean {
  const [small, large] = SIZES.map(size => build(part, size) + end) as [string, string];
  const limit = MAX_GROWTH * Math.max(milliseconds(pattern, small), MIN_TIME);
  // Measured again only if it is too long: a garbage collection can delay one, but hardly three.
  return [1, 2, 3].every(() => milliseconds(pattern, large) > limit);
}

function build(part: string, size: number): string {
  return part.repeat(Math.ceil(size / part.length));
}

/** Return a text for which the time grows faster than the length, of the three that take longest when short. */
async function slowText(pattern: RegExp): Promise<string | undefined> {
  const texts = parts(pattern).flatMap(part => ENDS.map(end => ({ part, end })));
  const timed = texts.map(({ part, end }) => ({ part, end, time: nanoseconds(pattern, build(part, 1_024) + end) }));
  // Measured again: on a busy machine any measurement can be interrupted for that long.
  const isHopeless = (text: string): boolean => [1, 2].every(() => nanoseconds(pattern, text) > HOPELESS);
  const hopeless = timed.find(it => it.time > HOPELESS && isHopeless(build(it.part, 1_024) + it.end));
  if (hopeless) {
    return hopeless.part;
  }
  for (const { part, end } of timed.sort((one, other) => other.time - one.time).slice(0, 3)) {
    await setImmediate(); // the test runner expects an answer within a minute
    if (isSlow(pattern, part, end)) {
      return part;
    }
  }
  return undefined;
}

function nanoseconds(pattern: RegExp, text: string): number {
  const started = hrtime.bigint();
  pattern.test(text);
  return Number(hrtime.bigint() - started);
}

function sources(): string[] {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf-8' }).filter(name => /\.tsx?$/.test(name));
  return names.map(name => readFileSync(join(SOURCES, name), 'utf-8'));
}

describe('regular expressions', () => {
  it.each(patterns())('%s takes linear time', pattern => expect(slowText(pattern)).resolves.toBeUndefined(), 60_000);

  it.each([/\s+$/, /\\+\n/])(
    'of quadratic time such as %s are recognized',
    pattern => expect(slowText(pattern)).resolves.toBeDefined(),
    60_000
  );

  it('are literals, so that all are found', () => {
    expect(patterns().length).toBeGreaterThan(20);
    expect(sources().filter(text => /\bRegExp\(/.test(text))).toEqual([]);
  });
});
