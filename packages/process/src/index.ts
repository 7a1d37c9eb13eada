// @shardcast/process: a process's log, stop and exit, its options, and the checks of its HTTP connections.
export { addressGroup, clientAddress } from "./client-address.ts";
export { continueWhenRead } from "./continue-when-read.ts";
export { EarlierAnswers } from "./earlier-answers.ts";
export { explain } from "./explain.ts";
export { createLogger, createLoggerTo } from "./logger.ts";
export { outliveRejections } from "./rejections.ts";
export { Outage } from "./outage.ts";
export { PacedText } from "./paced-text.ts";
export {
  PROBLEM_TYPE,
  RETRY_AFTER_S,
  problemDetails,
  type ProblemDetails,
} from "./problem-details.ts";
export { publicReason } from "./public-reason.ts";
export { MAX_UNANSWERED, UnansweredRequests } from "./unanswered-requests.ts";
export { hostCount, upgradeFault, type UpgradeFault } from "./upgrade-fault.ts";
export { PROCESS_RUNTIME, type Runtime, type Timer } from "./runtime.ts";
export { Shares, type ShareLimits } from "./shares.ts";
export { SteadyClock } from "./steady-clock.ts";
export { stopOnSignal, type Stoppable } from "./stop-on-signal.ts";
export { TokenBucket } from "./token-bucket.ts";
export { bytesReceived, bytesTaken } from "./tcp-progress.ts";
export { UnsentAnswers } from "./unsent-answers.ts";
