import { expect } from "chai";
import { splitAttributes } from "../src/user-attribute.ts";
import { attributesOf } from "./support.ts";

describe("splitAttributes", () => {
  it("separates what nodes have set from the publisher's attributes", () => {
    expect(splitAttributes(undefined)).to.deep.equal({ user: undefined, attributes: undefined });
    const own = { key: "value" };
    expect(splitAttributes(own)).to.deep.equal({ user: undefined, attributes: own });
    expect(splitAttributes(own).attributes).to.equal(own);
    expect(splitAttributes({ $user: "ann" })).to.deep.equal({ user: "ann", attributes: undefined });
    const { user, attributes } = splitAttributes({ $user: "ann", ...own, $later: "x" });
    expect([user, { ...attributes }]).to.deep.equal(["ann", own]);
  });

  it("keeps names that objects have", () => {
    const tricky = [
      ["__proto__", "a"],
      ["constructor", "b"],
    ] as const;
    const { attributes } = splitAttributes(attributesOf([["$user", "ann"], ...tricky]));
    expect(Object.entries(attributes ?? {})).to.deep.equal(tricky);
    expect(splitAttributes(attributesOf(tricky)).user).to.equal(undefined);
  });
});
