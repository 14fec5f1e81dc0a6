/** Highlights `%kusto_image` lines in the code cells of Python kernels, which JupyterLab would show as Python. */
import { highlightingFor, syntaxTree } from '@codemirror/language';
import { type EditorState, type Extension, Prec, RangeSetBuilder } from '@codemirror/state';
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate } from '@codemirror/view';
import { type Tag, tags } from '@lezer/highlight';

import { MAGIC_RULES } from './cellLanguage';

/** A piece of a line with the name of its highlight tag. */
export interface IToken {
  readonly from: number;
  readonly to: number;
  readonly tag: string;
}

const TAGS: Readonly<Record<string, Tag>> = {
  keyword: tags.keyword,
  command: tags.function(tags.definition(tags.variableName)),
  attributeName: tags.attributeName,
  string: tags.string,
  variableName: tags.variableName
};

/** The magic at the start of a line, or after `name =`. */
const MAGIC = /^\s*(?:\w+\s*=\s*)?(?=%kusto_image(?:\s|$))/;

/** Python's nodes in which a line is not code. */
const NOT_CODE: ReadonlySet<string> = new Set(['String', 'ContinuedString', 'FormatString', 'Comment']);

/** Return the tokens of a line, [] if it is not one of the magic. */
export function lineTokens(text: string): IToken[] {
  const start = MAGIC.exec(text)?.[0].length;
  return start === undefined ? [] : tokensFrom(text, start);
}

/** Return the tokens of the rest of a line. */
export function tokensFrom(text: string, start: number): IToken[] {
  const tokens: IToken[] = [];
  for (let from = start; from < text.length;) {
    const rest = text.slice(from);
    const [length, tag] = matched(rest);
    if (tag) {
      tokens.push({ from, to: from + length, tag: isCommand(tokens, tag) ? 'command' : tag });
    }
    from += length;
  }
  return tokens;
}

function matched(rest: string): [length: number, tag: string] {
  const blanks = /^[\s=\\]+/.exec(rest)?.[0].length;
  if (blanks) {
    return [blanks, ''];
  }
  const rule = MAGIC_RULES.find(([pattern]) => pattern.test(rest));
  return rule ? [rule[0].exec(rest)?.[0].length ?? 1, rule[1]] : [1, ''];
}

/** Return whether the next token is the subcommand, which follows the name of the magic. */
function isCommand(tokens: readonly IToken[], tag: string): boolean {
  return tag === 'variableName' && tokens.length === 1 && tokens[0]?.tag === 'keyword';
}

/** Return an editor extension that highlights the lines while `isActive` returns true. */
export function lineMagics(isActive: () => boolean): Extension {
  const plugin = ViewPlugin.define(view => new LineMagics(view, isActive), { decorations: ({ marks }) => marks });
  // The marks with the highest precedence are the innermost ones: their colors are shown instead of Python's.
  return Prec.highest(plugin);
}

class LineMagics {
  constructor(
    view: EditorView,
    private readonly _isActive: () => boolean
  ) {
    this.marks = this._marks(view);
  }

  update(update: ViewUpdate): void {
    const isReparsed = syntaxTree(update.startState) !== syntaxTree(update.state);
    if (update.docChanged || update.viewportChanged || isReparsed) {
      this.marks = this._marks(update.view);
    }
  }

  marks: DecorationSet;

  private _marks({ state, visibleRanges }: EditorView): DecorationSet {
    const builder = new RangeSetBuilder<Decoration>();
    for (const range of this._isActive() ? visibleRanges : []) {
      addMarks(builder, state, range.from, range.to);
    }
    return builder.finish();
  }
}

function addMarks(builder: RangeSetBuilder<Decoration>, state: EditorState, start: number, end: number): void {
  let isContinued = false;
  for (let position = start; position <= end;) {
    const line = state.doc.lineAt(position);
    const tokens: IToken[] = isContinued ? tokensFrom(line.text, 0) : lineTokens(line.text);
    if (tokens.length && (isContinued || isCode(state, line.from))) {
      tokens.forEach(token => addMark(builder, state, line.from, token));
    }
    isContinued = tokens.length > 0 && line.text.endsWith('\\');
    position = line.to + 1;
  }
}

/** Return whether the line at a position is not part of a string or of a comment of Python. */
export function isCode(state: EditorState, position: number): boolean {
  return !NOT_CODE.has(syntaxTree(state).resolveInner(position, 1).name);
}

function addMark(builder: RangeSetBuilder<Decoration>, state: EditorState, start: number, token: IToken): void {
  const tag = TAGS[token.tag];
  const style = tag && highlightingFor(state, [tag]);
  const classes = `jp-KustoImage-token jp-mod-${token.tag} ${style ?? 'jp-mod-plain'}`;
  builder.add(start + token.from, start + token.to, Decoration.mark({ class: classes }));
}
