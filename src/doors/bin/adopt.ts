export { adoptConfiguredLanes } from './chains.ts';
