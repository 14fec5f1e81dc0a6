/** The card of a fleet in an output: the failures by reason and a row for each cluster. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { glyphOf } from '../model/outcomes';
import { hintText } from '../model/hints';
import type { IImagesModel } from '../tokens';
import { formatDuration } from './cardData';
import {
  cardFactory,
  CardRenderer,
  formatEnd,
  ProgressBar,
  Requirements,
  Row,
  stateClass,
  Table,
  useElapsed
} from './cardParts';
import {
  countStates,
  doneRowCount,
  FLEET_MIME_TYPE,
  type IFleet,
  MAX_UNFOLDED,
  readFleet,
  rowSeconds,
  updateFleet
} from './fleetData';

export function fleetCardFactory(model: IImagesModel, trans: TranslationBundle): IRenderMime.IRendererFactory {
  return cardFactory(FLEET_MIME_TYPE, () => new FleetCardRenderer(model, trans));
}

class FleetCardRenderer extends CardRenderer<IFleet> {
  protected override read(data: IRenderMime.IMimeModel['data']): IFleet | null {
    return readFleet(data[FLEET_MIME_TYPE]);
  }

  protected override latest(fleet: IFleet): IFleet {
    return updateFleet(fleet, this.model.builds);
  }

  protected override renderCard(fleet: IFleet, receivedAt: number): React.JSX.Element {
    return <FleetCard fleet={fleet} receivedAt={receivedAt} trans={this.trans} />;
  }
}

interface IFleetProps {
  readonly fleet: IFleet;
  readonly trans: TranslationBundle;
}

function FleetCard({ fleet, receivedAt, trans }: IFleetProps & { readonly receivedAt: number }): React.JSX.Element {
  const seconds = useElapsed(fleet, receivedAt);
  const failures = fleet.failures.map(({ reason, clusters }) => `${clusters.join(', ')}: ${reason}`);
  const counts = countStates(fleet).map(([state, count]) => `${count} ${state.toLowerCase()}`);
  return (
    <section aria-label={trans.__('Image %1', fleet.image)} data-state={fleet.ended ? 'ended' : 'running'}>
      <p role="status">
        <strong className={stateClass(fleet)}>
          {glyphOf(fleet)} {fleet.state}
        </strong>
        :{' '}
        <code>
          <bdi>{fleet.image}</bdi>
        </code>{' '}
        · {trans._n('%1 cluster', '%1 clusters', fleet.rows.length)} · {counts.join(', ')}
      </p>
      {fleet.ended ? null : <DoneBar fleet={fleet} trans={trans} />}
      <dl>
        <Row label={trans.__('Base image')} value={fleet.base} />
        <Row
          label={fleet.ended ? trans.__('Duration') : trans.__('Elapsed')}
          value={formatTimes(fleet, seconds, trans)}
        />
        <Row label={trans.__('Error')} value={failures.join('\n')} />
        <Row label={trans.__('Next step')} value={hintText(fleet.hint, trans)} />
      </dl>
      <Clusters fleet={fleet} seconds={seconds} trans={trans} />
      <Requirements text={fleet.requirements} trans={trans} />
    </section>
  );
}

function DoneBar({ fleet, trans }: IFleetProps): React.JSX.Element {
  const done = doneRowCount(fleet);
  const total = fleet.rows.length;
  return (
    <ProgressBar
      label={trans.__('Clusters done with image %1', fleet.image)}
      value={done}
      max={total}
      text={trans.__('%1 of %2 clusters done', done, total)}
    />
  );
}

function Clusters({ fleet, seconds, trans }: IFleetProps & { readonly seconds: number }): React.JSX.Element {
  const { rows } = fleet;
  return (
    <details open={rows.length <= MAX_UNFOLDED}>
      <summary>{trans._n('%1 cluster', '%1 clusters', rows.length)}</summary>
      <Table head={[trans.__('Cluster'), trans.__('State'), trans.__('Duration'), trans.__('Message')]}>
        {rows.map(row => (
          <tr key={row.id}>
            <td>
              <bdi>{row.cluster}</bdi>
            </td>
            <td className={stateClass(row)}>
              {glyphOf(row)} {row.state}
            </td>
            <td>{formatDuration(row.ended ? row.seconds : Math.floor(rowSeconds(row, fleet, seconds)))}</td>
            <td>
              <bdi>{row.message}</bdi>
            </td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

function formatTimes(fleet: IFleet, seconds: number, trans: TranslationBundle): string {
  return fleet.ended ? formatEnd(formatDuration(seconds), fleet.asOf, trans) : formatDuration(Math.floor(seconds));
}
