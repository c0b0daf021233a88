"""Uploads a video in chunks and creates an ad with an unmodified third-party client, except for the host.

Arguments: base URL, token, advertiser, ad group, identity, video, cover.
"""

import json
import sys
import time

from tiktok.business.client import TikTokBusinessClient

base, token, advertiser, adgroup, identity, video, cover = sys.argv[1:]


def data(reply):
    if reply["code"] != 0:
        sys.exit(f"{reply}")
    return reply["data"]


client = TikTokBusinessClient(token, advertiser)
client.base_url = f"{base}/open_api/v1.3/"
# Each service stores its own URL when it is discovered, so discover them again.
client.discover_services()

video_id = data(client.creative.video.upload_file(video, "chunked.mov"))[0]["video_id"]

info = client.build_url(client.base_url, "file/video/ad/info/")
deadline = time.monotonic() + 60
while True:
    found = data(client.get(info, params={"video_ids": [video_id]}))["list"]
    if found and found[0].get("displayable") and found[0].get("video_cover_url"):
        break
    if time.monotonic() > deadline:
        sys.exit("the video was never ready")
    time.sleep(0.5)

image_id = data(client.creative.image.upload_file(cover, "chunked-cover.png"))["image_id"]
creative = {
    "ad_format": "SINGLE_VIDEO",
    "ad_name": "in chunks",
    "ad_text": "Look",
    "identity_type": "CUSTOMIZED_USER",
    "identity_id": identity,
    "video_id": video_id,
    "image_ids": [image_id],
    "call_to_action": "LEARN_MORE",
    "landing_page_url": "https://example.com/",
}
created = data(client.ad.create_ad({"adgroup_id": adgroup, "creatives": [creative]}))["ad_ids"]
print(json.dumps({"video_id": video_id, "image_id": image_id, "ad_ids": created}))
