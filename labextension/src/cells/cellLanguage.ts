/** The syntax of `%%kusto_image` cells for highlighting. `cellLinter.ts` reports errors. */
import { LanguageSupport, StreamLanguage, type StreamParser, type StringStream } from '@codemirror/language';
import type { Extension } from '@codemirror/state';

export const CELL_MIME_TYPE = 'text/x-kusto-image';

/** A part of a requirements line: the package name, the version, the environment marker. */
type Section = 'name' | 'version' | 'marker';

interface IState {
  /** Whether the line of the magic is being read. */
  isMagic: boolean;
  section: Section;
}

/** A pattern, its highlight tag and the section that follows. The first matching rule of a list applies. */
export type Rule = readonly [pattern: RegExp, tag: string, next?: Section];

export const MAGIC_RULES: readonly Rule[] = [
  [/^%%?\w+/, 'keyword'],
  [/^-{1,2}[A-Za-z][\w-]*/, 'attributeName'],
  [/^(["'])(?:(?!\1).)*\1?/, 'string'],
  [/^[^\s=]+/, 'variableName']
];

const OPERATOR = /^(?:===?|~=|!=|<=?|>=?)/;

const BODY_RULES: Readonly<Record<Section, readonly Rule[]>> = {
  name: [
    [/^#.*/, 'comment'],
    [/^-{1,2}[A-Za-z][\w-]*/, 'keyword', 'version'],
    [/^[A-Za-z0-9][\w.-]*/, 'variableName.definition', 'version']
  ],
  version: [
    [/^\[[^\]]*\]?/, 'typeName'],
    [OPERATOR, 'operator', 'version'],
    [/^;/, 'punctuation', 'marker'],
    [/^[\w.*+!-]+/, 'number']
  ],
  marker: [
    [/^(["'])(?:(?!\1).)*\1?/, 'string'],
    [/^(?:and|or|in|not)\b/, 'keyword'],
    [/^[A-Za-z_]\w*/, 'propertyName'],
    [OPERATOR, 'operator', 'marker']
  ]
};

export const parser: StreamParser<IState> = {
  name: 'kusto-image',
  startState: () => ({ isMagic: true, section: 'name' }),
  token: (stream, state) => {
    if (stream.sol()) {
      state.section = 'name';
    }
    const tag = stream.eatSpace()
      ? null
      : state.isMagic
        ? readToken(stream, MAGIC_RULES, state)
        : readBody(stream, state);
    if (stream.eol()) {
      state.isMagic = false;
    }
    return tag;
  },
  languageData: { commentTokens: { line: '#' } }
};

function readBody(stream: StringStream, state: IState): string | null {
  // As in pip's requirements files, `#` starts a comment only at the start of a line or after whitespace.
  const isComment = /\s/.test(stream.string.charAt(stream.pos - 1)) && stream.match(/^#.*/);
  return isComment ? 'comment' : readToken(stream, BODY_RULES[state.section], state);
}

function readToken(stream: StringStream, rules: readonly Rule[], state: IState): string | null {
  for (const [pattern, tag, next] of rules) {
    if (stream.match(pattern)) {
      state.section = next ?? state.section;
      return tag;
    }
  }
  stream.next();
  return null;
}

/** Return the language support for cells, with further editor extensions. */
export function cellLanguage(extension: Extension): LanguageSupport {
  return new LanguageSupport(StreamLanguage.define(parser), extension);
}
