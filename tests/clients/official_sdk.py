"""Uploads a video and a cover and creates an ad with TikTok's unmodified SDK, except for the host.

Arguments: base URL, token, advertiser, ad group, identity, video, cover.
"""

import hashlib
import json
import sys
import time

from business_api_client import (
    AdApi,
    AdCreateBody,
    AdcreateCreatives,
    ApiClient,
    Configuration,
    FileApi,
    FilteringVideoAdSearch,
)

base, token, advertiser, adgroup, identity, video_path, cover = sys.argv[1:]


def md5(path):
    with open(path, "rb") as file:
        return hashlib.md5(file.read()).hexdigest()


configuration = Configuration()
configuration.host = base
client = ApiClient(configuration)
files, ads = FileApi(client), AdApi(client)

video = files.ad_video_upload(
    token,
    advertiser_id=advertiser,
    upload_type="UPLOAD_BY_FILE",
    video_file=video_path,
    video_signature=md5(video_path),
    file_name="sdk.mov",
    flaw_detect=True,
)
video_id = video["data"][0]["video_id"]

deadline = time.monotonic() + 60
while True:
    found = files.ad_video_info(advertiser, [video_id], token)["data"]["list"]
    if found and found[0].get("displayable") and found[0].get("video_cover_url"):
        break
    if time.monotonic() > deadline:
        sys.exit("the video was never ready")
    time.sleep(0.5)

filtering = FilteringVideoAdSearch(video_ids=[video_id])
searched = files.ad_video_search(advertiser, token, filtering=filtering)["data"]["list"]
assert [entry["video_id"] for entry in searched] == [video_id], searched

image = files.ad_image_upload(
    token,
    advertiser_id=advertiser,
    upload_type="UPLOAD_BY_FILE",
    image_file=cover,
    image_signature=md5(cover),
    file_name="sdk-cover.png",
)
image_id = image["data"]["image_id"]

creative = AdcreateCreatives(
    ad_format="SINGLE_VIDEO",
    ad_name="by the sdk",
    ad_text="Look",
    identity_type="CUSTOMIZED_USER",
    identity_id=identity,
    video_id=video_id,
    image_ids=[image_id],
    call_to_action="LEARN_MORE",
    landing_page_url="https://example.com/",
)
body = AdCreateBody(advertiser_id=advertiser, adgroup_id=adgroup, creatives=[creative])
created = ads.ad_create(token, body=body)["data"]["ad_ids"]
print(json.dumps({"video_id": video_id, "image_id": image_id, "ad_ids": created}))
