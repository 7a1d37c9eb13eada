// @shardcast/client/tabs: all tabs of an origin share the links of one of them.
export { TabGroup, tabGroup } from "./tab-group.ts";
