/**
 * Owns the anchors of audit roots: from the configuration, a file or objects under Object Lock in an S3 bucket.
 * Promises that a root which was kept is neither overwritten nor taken for another, that an answer which did not come is
 * found out by asking again, and that reading gives every version that was ever put, also those that somebody
 * covered or marked as deleted. Owns no rows. A crash between a put and its record leaves the object, which the next
 * try recognises.
 */
import type { AwsLimits } from '../../base/aws/index.ts';
import type { AnchorSettings } from '../../base/config/index.ts';
import type { Clock } from '../../base/kernel/index.ts';
import { type Anchor, FileAnchor } from '../../books/audit/index.ts';
import { S3Anchor } from './s3.ts';

export function anchorOf(
  settings: AnchorSettings,
  surroundings: { clock: Clock; limits?: AwsLimits },
): Anchor {
  return settings.kind === 'file'
    ? new FileAnchor(settings.path)
    : new S3Anchor(settings, surroundings);
}
