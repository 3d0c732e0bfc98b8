/**
 * No verdict on a payment. `outcome_unknown`: it may have been made, and asked again with the same payment the facilitator
 * tells; `refused`: the facilitator does not talk to this merchant, and the message says why.
 */
export class FacilitatorFault extends Error {
  override readonly name = 'FacilitatorFault';
  readonly code: 'outcome_unknown' | 'refused';

  constructor(code: FacilitatorFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}
