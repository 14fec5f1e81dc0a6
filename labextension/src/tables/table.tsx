/** The table of a command in an output. */
import { ReactWidget } from '@jupyterlab/apputils';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { cardFactory } from '../cards/cardParts';
import { StateBadge } from '../components/state';
import { formatDateTime } from '../components/time';
import { type ITable, type ITableCell, isNumeric, readTable, TABLE_MIME_TYPE } from './tableData';

/** The glyph of each kind of change. */
const CHANGES: Readonly<Record<string, string>> = { added: '+', removed: '−', changed: '→' };

export function tableFactory(trans: TranslationBundle): IRenderMime.IRendererFactory {
  return cardFactory(TABLE_MIME_TYPE, () => new TableRenderer(trans));
}

class TableRenderer extends ReactWidget implements IRenderMime.IRenderer {
  constructor(private readonly _trans: TranslationBundle) {
    super();
    this.addClass('jp-KustoImage-data');
  }

  renderModel({ data }: IRenderMime.IMimeModel): Promise<void> {
    this._table = readTable(data[TABLE_MIME_TYPE]);
    this.update();
    return this.renderPromise ?? Promise.resolve();
  }

  protected override render(): React.JSX.Element {
    return this._table ? (
      <DataTable table={this._table} />
    ) : (
      <p>{this._trans.__('This table was written by another version of kusto_magic.')}</p>
    );
  }

  private _table: ITable | null = null;
}

export function DataTable({ table }: { table: ITable }): React.JSX.Element {
  return (
    <>
      {table.rows.length ? <Grid table={table} /> : <p className="jp-KustoImage-empty">{table.empty}</p>}
      {table.notes.map(note => (
        <p key={note} className="jp-KustoImage-note">
          <bdi>{note}</bdi>
        </p>
      ))}
    </>
  );
}

function Grid({ table }: { table: ITable }): React.JSX.Element {
  const { caption, head, rows } = table;
  return (
    <table className={head.length ? undefined : 'jp-mod-properties'}>
      <caption>
        <bdi>{caption}</bdi>
      </caption>
      {head.length ? (
        <thead>
          <tr>
            {head.map((name, index) => (
              <th key={index} scope="col" className={isNumeric(table, index) ? 'jp-mod-number' : undefined}>
                <bdi>{name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
      ) : null}
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {row.map((cell, column) => (
              <TableCell key={column} cell={cell} isHead={column === 0} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function TableCell({ cell, isHead }: { cell: ITableCell; isHead: boolean }): React.JSX.Element {
  const className = `jp-mod-${cell.kind}${cell.kind === 'count' ? ' jp-mod-number' : ''}`;
  return isHead ? (
    <th scope="row" className={className}>
      <Value cell={cell} />
    </th>
  ) : (
    <td className={className}>
      <Value cell={cell} />
    </td>
  );
}

function Value({ cell }: { cell: ITableCell }): React.JSX.Element | null {
  const { kind, text, outcome, at } = cell;
  const local = formatDateTime(at);
  if (!text) {
    return null;
  }
  switch (kind) {
    case 'state':
      // No icon: that of an operation in progress turns, and a table is not updated.
      return <StateBadge state={text} outcome={outcome} />;
    case 'time':
      return local ? (
        <time dateTime={at} title={text}>
          {local}
        </time>
      ) : (
        <bdi>{text}</bdi>
      );
    case 'code':
      return (
        <pre>
          <bdi>{text}</bdi>
        </pre>
      );
    case 'change':
      return (
        <span className={`jp-KustoImage-change ${Object.hasOwn(CHANGES, text) ? `jp-mod-${text}` : ''}`}>
          <bdi>{Object.hasOwn(CHANGES, text) ? `${CHANGES[text]} ${text}` : text}</bdi>
        </span>
      );
    default:
      return <bdi>{text}</bdi>;
  }
}
