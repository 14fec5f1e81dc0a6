import activity from './plugins/activity';
import cards from './plugins/cards';
import { cells, installHint } from './plugins/cells';
import model from './plugins/model';
import preferences from './plugins/preferences';
import sidebar from './plugins/sidebar';

export default [preferences, model, cards, cells, installHint, sidebar, activity];
