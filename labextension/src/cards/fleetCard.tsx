/** The card of a fleet in an output: its progress, the failures by reason and a row for each cluster. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { PlanView } from '../components/planView';
import { StateBadge, toneClass } from '../components/state';
import { formatDateTime } from '../components/time';
import { hintText } from '../model/hints';
import { isSuccess } from '../model/outcomes';
import { formatDuration, type Phase } from './cardData';
import {
  cardFactory,
  CardRenderer,
  CardSection,
  Header,
  type ICardContext,
  PlanRow,
  ProgressBar,
  RequirementsRow,
  Table,
  useElapsed
} from './cardParts';
import {
  countStates,
  doneRowCount,
  FLEET_MIME_TYPE,
  fleetFraction,
  groupedRows,
  type IFleet,
  type IFleetRow,
  listedFailures,
  MAX_UNFOLDED,
  readFleet,
  rowSeconds,
  updateFleet
} from './fleetData';

export function fleetCardFactory(context: ICardContext): IRenderMime.IRendererFactory {
  return cardFactory(FLEET_MIME_TYPE, () => new FleetCardRenderer(context));
}

class FleetCardRenderer extends CardRenderer<IFleet> {
  protected override read(data: IRenderMime.IMimeModel['data']): IFleet | null {
    return readFleet(data[FLEET_MIME_TYPE]);
  }

  protected override merge(fleet: IFleet, shown: IFleet): IFleet {
    return { ...fleet, plan: fleet.plan ?? shown.plan };
  }

  protected override isBehind(fleet: IFleet): boolean {
    return !fleet.ended && fleet.rows.some(row => !this.model.findBuild(row.id));
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
  return (
    <CardSection card={fleet} trans={trans}>
      <Header card={fleet} context={contextLine(fleet, trans)} />
      <div className="jp-KustoImage-slot">
        {fleet.ended ? <span>{stateCounts(fleet)}</span> : <Progress fleet={fleet} seconds={seconds} trans={trans} />}
      </div>
      <Failures fleet={fleet} trans={trans} />
      {fleet.requirements ? <PlanRow card={{ ...fleet, phase: checkPhase(fleet) }} trans={trans} /> : null}
      <Clusters fleet={fleet} seconds={seconds} trans={trans} />
      <RequirementsRow text={fleet.requirements} trans={trans} />
    </CardSection>
  );
}

/** Return the phase of the check: it is over when the service works on a cluster, which then has an estimate. */
function checkPhase({ rows }: IFleet): Phase | '' {
  return rows.every(({ estimateHigh }) => estimateHigh === 0) ? 'check' : '';
}

function contextLine(fleet: IFleet, trans: TranslationBundle): string {
  const clusters = trans._n('%1 cluster', '%1 clusters', fleet.rows.length);
  const duration = fleet.rows.every(row => row.isFound) ? '' : trans.__('done in %1', formatDuration(fleet.seconds));
  const end = fleet.ended ? [duration, formatDateTime(fleet.asOf)] : [];
  return [fleet.base, clusters, ...end].filter(part => part).join(' · ');
}

function Progress({ fleet, seconds, trans }: IFleetProps & { readonly seconds: number }): React.JSX.Element {
  const done = trans.__('%1 of %2 clusters done', doneRowCount(fleet), fleet.rows.length);
  const times = [formatDuration(Math.floor(seconds)), fleet.estimate];
  return (
    <ProgressBar
      label={trans.__('Estimated progress of image %1', fleet.image)}
      value={Math.round(1000 * fleetFraction(fleet, seconds)) / 10}
      max={100}
      text={[done, ...times].filter(part => part).join(' · ')}
    />
  );
}

function Failures({ fleet, trans }: IFleetProps): React.JSX.Element | null {
  const next = fleet.ended ? hintText(fleet.hint, trans) : '';
  if (!fleet.failures.length) {
    return null;
  }
  return (
    <div className="jp-KustoImage-failure">
      {fleet.plan?.verdict === 'conflict' ? <PlanView plan={fleet.plan} applier={null} trans={trans} /> : null}
      {listedFailures(fleet).map(({ reason, clusters }) => (
        <div key={reason}>
          <p className={`jp-KustoImage-what ${toneClass({ outcome: 'failed' })}`}>
            <bdi>{clusters.join(', ')}</bdi>
          </p>
          <p className="jp-KustoImage-why">
            <bdi>{reason}</bdi>
          </p>
        </div>
      ))}
      {next ? <p className="jp-KustoImage-next">{next}</p> : null}
    </div>
  );
}

/** A row for each cluster; one that failed has no message, since the failures are listed by reason. */
function Clusters({ fleet, seconds, trans }: IFleetProps & { readonly seconds: number }): React.JSX.Element {
  const rows = groupedRows(fleet).map(row => (row.ended && !isSuccess(row) ? { ...row, message: '' } : row));
  const hasMessages = rows.some(({ message }) => message);
  const head = [trans.__('Cluster'), trans.__('State'), trans.__('Duration')];
  return (
    <details className="jp-KustoImage-fold" open={fleet.rows.length <= MAX_UNFOLDED}>
      <summary>
        <b>{trans._n('%1 cluster', '%1 clusters', fleet.rows.length)}</b>
        {` · ${stateCounts(fleet)}`}
      </summary>
      <Table head={hasMessages ? [...head, trans.__('Message')] : head}>
        {rows.map(row => (
          <tr key={row.id}>
            <td>
              <bdi>{row.cluster}</bdi>
            </td>
            <td>
              <StateBadge state={row.state} outcome={row.outcome} />
            </td>
            <td>{rowDuration(row, fleet, seconds)}</td>
            {hasMessages ? (
              <td>
                <bdi>{row.message}</bdi>
              </td>
            ) : null}
          </tr>
        ))}
      </Table>
    </details>
  );
}

/** Return how long a cluster has taken; for an image that was found, how long its build took, "" if unknown. */
function rowDuration(row: IFleetRow, fleet: IFleet, seconds: number): string {
  if (row.isFound) {
    return row.builtSeconds ? formatDuration(row.builtSeconds) : '';
  }
  return formatDuration(row.ended ? row.seconds : Math.floor(rowSeconds(row, fleet, seconds)));
}

function stateCounts(fleet: IFleet): string {
  return countStates(fleet)
    .map(([state, count]) => `${count} ${state.toLowerCase()}`)
    .join(', ');
}
