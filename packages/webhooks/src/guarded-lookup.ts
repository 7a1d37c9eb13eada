// Resolves a host name to the addresses that may be connected to. Node connects to what a lookup gives and asks
// nobody again, so a name that changes its mind in between (DNS rebinding) gains nothing.
import { lookup } from "node:dns/promises";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import type { AddressGuard } from "./address-guard.ts";

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** None of a name's addresses may be connected to. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/**
 * A lookup for `http(s).request` and `net.connect`. Addresses that the guard refuses are left out; where none is
 * left it fails with {@link AddressRefused}. Node calls no lookup for a host that is an address: ask the guard.
 * @param resolve @default getaddrinfo, in the order that it gives
 */
export function guardedLookup(
  guard: AddressGuard,
  resolve: Resolve = resolveBySystem,
): LookupFunction {
  return (hostname, options, callback) => {
    const fail = (error: unknown): void => callback(error as NodeJS.ErrnoException, "");
    const give = (found: readonly LookupAddress[]): void => {
      const wanted = [...found].filter(({ family }) => isWanted(family, options.family));
      const allowed = guard.isAllowedHost(hostname)
        ? wanted
        : wanted.filter(({ address }) => guard.isAllowedAddress(address));
      const [first] = allowed;
      if (first === undefined) fail(new AddressRefused("the host has no address that is allowed"));
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    };
    resolve(hostname).then(give, fail);
  };
}

async function resolveBySystem(hostname: string): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { all: true, order: "verbatim" });
}

function isWanted(family: number, wanted: number | string | undefined): boolean {
  return (
    wanted === undefined || wanted === 0 || String(wanted).replace("IPv", "") === String(family)
  );
}
