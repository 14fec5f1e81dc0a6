/** The colours of a `%%kusto_image` cell. What is wrong in it is not decided here: see problems.ts. */
import { LanguageSupport, StreamLanguage, type StreamParser, type StringStream } from '@codemirror/language';
import type { Extension } from '@codemirror/state';

export const CELL_MIME = 'text/x-kusto-image';

type Part = 'name' | 'rest' | 'marker';

interface IState {
  /** Whether the magic's own line is still to be read. */
  isMagic: boolean;
  part: Part;
}

/** What may stand where, the first that fits: a pattern, the colour, the part that follows. */
type Rule = readonly [RegExp, string, Part?];

const MAGIC: readonly Rule[] = [
  [/^%%\w+/, 'keyword'],
  [/^-{1,2}[A-Za-z][\w-]*/, 'attributeName'],
  [/^(["'])(?:(?!\1).)*\1?/, 'string'],
  [/^[^\s=]+/, 'variableName']
];

const OPERATOR: Rule = [/^(?:===?|~=|!=|<=?|>=?)/, 'operator', 'rest'];

const BODY: Readonly<Record<Part, readonly Rule[]>> = {
  name: [
    [/^#.*/, 'comment'],
    [/^-{1,2}[A-Za-z][\w-]*/, 'keyword', 'rest'],
    [/^[A-Za-z0-9][\w.-]*/, 'variableName.definition', 'rest']
  ],
  rest: [[/^\[[^\]]*\]?/, 'typeName'], OPERATOR, [/^;/, 'punctuation', 'marker'], [/^[\w.*+!-]+/, 'number']],
  marker: [
    [/^(["'])(?:(?!\1).)*\1?/, 'string'],
    [/^(?:and|or|in|not)\b/, 'keyword'],
    [/^[A-Za-z_]\w*/, 'propertyName'],
    [OPERATOR[0], OPERATOR[1], 'marker']
  ]
};

const parser: StreamParser<IState> = {
  name: 'kusto-image',
  startState: () => ({ isMagic: true, part: 'name' }),
  token: (stream, state) => {
    if (stream.sol()) {
      state.part = 'name';
    }
    const colour = stream.eatSpace()
      ? null
      : state.isMagic
        ? colourOf(stream, MAGIC, state)
        : bodyColour(stream, state);
    if (stream.eol()) {
      state.isMagic = false;
    }
    return colour;
  },
  languageData: { commentTokens: { line: '#' } }
};

function bodyColour(stream: StringStream, state: IState): string | null {
  const isComment = /\s/.test(stream.string.charAt(stream.pos - 1)) && stream.match(/^#.*/);
  return isComment ? 'comment' : colourOf(stream, BODY[state.part], state);
}

function colourOf(stream: StringStream, rules: readonly Rule[], state: IState): string | null {
  for (const [pattern, colour, next] of rules) {
    if (stream.match(pattern)) {
      state.part = next ?? state.part;
      return colour;
    }
  }
  stream.next();
  return null;
}

/** Return the language with what else belongs to such cells. */
export function cellLanguage(more: Extension): LanguageSupport {
  return new LanguageSupport(StreamLanguage.define(parser), more);
}
