/** The card of a fleet: how it stands on each cluster, and what failed put together by reason. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { duration, glyph } from './cardData';
import { counts, FEW, FLEET_MIME, type IFleet, overOf, readFleet, rowSeconds, withNews } from './fleetData';
import { Bar, factoryFor, RecordRenderer, Requirements, Row, stateClass, Table, useElapsed } from './cardParts';
import type { IImagesModel } from '../tokens';

/** Return the factory of renderers for the record of a fleet. */
export function fleetFactory(model: IImagesModel, trans: TranslationBundle): IRenderMime.IRendererFactory {
  return factoryFor(FLEET_MIME, () => new FleetRenderer(model, trans));
}

class FleetRenderer extends RecordRenderer<IFleet> {
  protected override read(data: IRenderMime.IMimeModel['data']): IFleet | null {
    return readFleet(data[FLEET_MIME]);
  }

  protected override newest(fleet: IFleet): IFleet {
    return withNews(fleet, this.model.builds);
  }

  protected override draw(fleet: IFleet, arrived: number): React.JSX.Element {
    return <Fleet fleet={fleet} arrived={arrived} trans={this.trans} />;
  }
}

interface IFleetProps {
  readonly fleet: IFleet;
  readonly trans: TranslationBundle;
}

function Fleet({ fleet, arrived, trans }: IFleetProps & { readonly arrived: number }): React.JSX.Element {
  const seconds = useElapsed(fleet, arrived);
  const failed = fleet.failures.map(({ reason, clusters }) => `${clusters.join(', ')}: ${reason}`);
  return (
    <section aria-label={trans.__('Image %1', fleet.image)} data-state={fleet.ended ? 'ended' : 'running'}>
      <p role="status">
        <strong className={stateClass(fleet)}>
          {glyph(fleet.state)} {fleet.state}
        </strong>
        : <code>{fleet.image}</code> · {trans._n('%1 cluster', '%1 clusters', fleet.rows.length)} ·{' '}
        {counts(fleet)
          .map(([state, count]) => `${count} ${state.toLowerCase()}`)
          .join(', ')}
      </p>
      {fleet.ended ? null : <Ended fleet={fleet} trans={trans} />}
      <dl>
        <Row name={trans.__('Base')} value={fleet.base} />
        <Row name={fleet.ended ? trans.__('Took') : trans.__('So far')} value={times(fleet, seconds, trans)} />
        <Row name={trans.__('Failed')} value={failed.join('\n')} />
        <Row name={trans.__('Next')} value={fleet.next} />
      </dl>
      <Clusters fleet={fleet} seconds={seconds} trans={trans} />
      <Requirements text={fleet.requirements} trans={trans} />
    </section>
  );
}

function Ended({ fleet, trans }: IFleetProps): React.JSX.Element {
  const [value, max] = [overOf(fleet), fleet.rows.length];
  return (
    <Bar
      label={trans.__('Clusters that have ended with image %1', fleet.image)}
      value={value}
      max={max}
      words={trans.__('%1 of %2 clusters have ended', value, max)}
    />
  );
}

function Clusters({ fleet, seconds, trans }: IFleetProps & { readonly seconds: number }): React.JSX.Element {
  const { rows } = fleet;
  return (
    <details open={rows.length <= FEW}>
      <summary>{trans._n('%1 cluster', '%1 clusters', rows.length)}</summary>
      <Table head={[trans.__('cluster'), trans.__('state'), trans.__('took'), trans.__('said')]}>
        {rows.map(row => (
          <tr key={row.id}>
            <td>{row.cluster}</td>
            <td className={stateClass(row)}>
              {glyph(row.state)} {row.state}
            </td>
            <td>{duration(row.ended ? row.seconds : Math.floor(rowSeconds(row, fleet, seconds)))}</td>
            <td>{row.said}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

function times(fleet: IFleet, seconds: number, trans: TranslationBundle): string {
  return fleet.ended
    ? trans.__('%1, ended %2', duration(seconds), new Date(fleet.asOf).toLocaleString())
    : duration(Math.floor(seconds));
}
