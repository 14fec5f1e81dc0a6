/** The subcommands and options that a line of the magics can be continued with. */
import descriptions from './descriptions.gen.json';

/** Completions, and a description of each. */
export type Descriptions = Readonly<Record<string, string>>;

interface ICommand {
  readonly help: string;
  readonly options: Descriptions;
}

const COMMANDS: Readonly<Record<string, ICommand>> = descriptions.commands;
const HELP: Descriptions = Object.fromEntries(Object.entries(COMMANDS).map(([name, { help }]) => [name, help]));

/** The magic, the words after it, and the one at the cursor. */
const LINE = /^\s*(%%?)kusto_image\s+((?:\S+\s+)*)(\S*)$/;

/** Return the word at the end of a line, and what it can become with the description of each. */
export function completed(line: string): { typed: string; offers: Descriptions } {
  const [, magic = '', words = '', typed = ''] = LINE.exec(line) ?? [];
  const used = words.split(/\s+/).filter(word => word);
  const all = magic === '%%' ? options(descriptions.cell, typed) : magic ? offered(used, typed) : {};
  const unused = Object.entries(all).filter(([name]) => name.startsWith(typed) && !used.includes(name));
  return { typed, offers: Object.fromEntries(unused) };
}

function offered([command]: readonly string[], typed: string): Descriptions {
  if (command === undefined) {
    return HELP;
  }
  return Object.hasOwn(COMMANDS, command) ? options(COMMANDS[command]?.options, typed) : {};
}

/** Return options if one is being typed; the kernel completes names and values. */
function options(all: Descriptions | undefined, typed: string): Descriptions {
  return typed.startsWith('-') ? (all ?? {}) : {};
}
