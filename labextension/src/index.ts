import activity from './plugins/activity';
import cards from './plugins/cards';
import { cells, installHint } from './plugins/cells';
import model from './plugins/model';
import preferences from './plugins/preferences';
import sidebar from './plugins/sidebar';
import tables from './plugins/tables';

export default [preferences, model, cards, tables, cells, installHint, sidebar, activity];
