/** What the cards of a build and of a fleet have in common. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useState } from 'react';

import { elapsed, type ICard, isWell } from './cardData';
import type { IImagesModel } from '../tokens';

/** Before text/html (60), and before a widget (0): a widget is no longer there when its kernel is gone. */
const RANK = -10;

const TICK = 1000;

/** Return the factory of renderers for one of our MIME types. */
export function factoryFor(mimeType: string, create: () => IRenderMime.IRenderer): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [mimeType], defaultRank: RANK, createRenderer: create };
}

interface IRecord {
  readonly id: string;
  readonly ended: boolean;
}

/** One card in a notebook's output, or alone in the main area. */
export abstract class RecordRenderer<T extends IRecord> extends ReactWidget implements IRenderMime.IRenderer {
  constructor(
    protected readonly model: IImagesModel,
    protected readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-KustoImage-card');
  }

  /** Read what the notebook holds; null for what is no record that this knows. */
  protected abstract read(data: IRenderMime.IMimeModel['data']): T | null;

  /** Return what the server knows better, or the same record: what it follows goes on when the kernel does not. */
  protected abstract newest(record: T): T;

  protected abstract draw(record: T, arrived: number): React.JSX.Element;

  renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    this.present(this.read(mime.data));
    return this.renderPromise ?? Promise.resolve();
  }

  present(record: T | null): void {
    if (record && !record.ended && record.id !== this._record?.id && this.model.availability === 'here') {
      void this.model.refresh(); // a build that the server may not have heard of yet
    }
    this._record = record;
    this._arrived = Date.now();
    this.update();
  }

  protected override render(): React.JSX.Element {
    if (this._record === null) {
      return <p>{this.trans.__('This record was written by a newer kusto_magic.')}</p>;
    }
    return <UseSignal signal={this.model.changed}>{() => this._drawNewest()}</UseSignal>;
  }

  private _drawNewest(): React.JSX.Element | null {
    const newest = this._record && this.newest(this._record);
    if (newest !== this._record) {
      this._record = newest;
      this._arrived = Date.now();
    }
    return newest && this.draw(newest, this._arrived);
  }

  private _record: T | null = null;
  private _arrived = Date.now();
}

export function Row({ name, value }: { name: string; value: string }): React.JSX.Element | null {
  return value ? (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  ) : null;
}

export interface IBarProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly words: string;
}

/** The class names are those of the kernel's own bar (kusto_magic/progress.py), in whose place this one stands. */
export function Bar({ label, value, max, words }: IBarProps): React.JSX.Element {
  return (
    <div className="kusto-image-progress">
      <div
        className="jp-KustoImage-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max}
        aria-valuenow={value}
        aria-valuetext={words}
      >
        <div className="progress-bar" style={{ width: `${(100 * value) / max}%` }} />
      </div>
      <span>{words}</span>
    </div>
  );
}

export function Table({ head, children }: { head: readonly string[]; children: React.ReactNode }): React.JSX.Element {
  return (
    <table>
      <thead>
        <tr>
          {head.map(name => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

interface IRequirementsProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

export function Requirements({ text, trans }: IRequirementsProps): React.JSX.Element | null {
  return text ? (
    <details>
      <summary>{trans.__('requirements')}</summary>
      <pre>{text}</pre>
    </details>
  ) : null;
}

/** Count the seconds on while something goes on; each second only while somebody can see it. */
export function useElapsed(record: Pick<ICard, 'ended' | 'seconds'>, arrived: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (record.ended) {
      return undefined;
    }
    const timer = window.setInterval(() => document.hidden || setNow(Date.now()), TICK);
    return () => window.clearInterval(timer);
  }, [record.ended]);
  return elapsed(record, arrived, now);
}

export function stateClass({ ended, state }: Pick<ICard, 'ended' | 'state'>): string {
  const kind = !ended ? 'running' : isWell(state) ? 'well' : 'ill';
  return `jp-KustoImage-state jp-mod-${kind}`;
}
