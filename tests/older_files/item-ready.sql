BEGIN TRANSACTION;
CREATE TABLE ads (
  origin TEXT NOT NULL, advertiser TEXT NOT NULL, adgroup TEXT NOT NULL, ad_name TEXT NOT NULL,
  content TEXT NOT NULL, field_digest TEXT NOT NULL, state TEXT NOT NULL, ad_id TEXT, image_id TEXT,
  effect_key TEXT, reason TEXT, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (origin, advertiser, adgroup, ad_name, content)) STRICT;
CREATE TABLE effects (
  effect_key TEXT PRIMARY KEY, kind TEXT NOT NULL, origin TEXT NOT NULL, advertiser TEXT NOT NULL,
  scope TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, md5 TEXT, size_bytes INTEGER,
  recipe INTEGER NOT NULL, state TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 0, receipt TEXT,
  request_id TEXT, reason TEXT, name_held INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0, readings TEXT, intent_ms INTEGER NOT NULL, sent_ms INTEGER,
  settled_ms INTEGER, handle TEXT) STRICT;
INSERT INTO "effects" VALUES('c9ddf6e1745be5dc0bfcb0f3556973bb80b113c283823f2d92c89ad91f5170e7','upload','sandbox:.greenlit','7000000000000000001','','bunny-77feea5a0c58.mp4','77feea5a0c5888b39a95fe55332138adb7fdc1230fc1c18fe38e02cd37dad197','22290cdbf315c4804bd54426d62fb456',850247,1,'done',1,'v10033g500002f4fae470ac43cce000002',NULL,NULL,0,0,0,NULL,1796031977300,1796031977304,1796031977593,NULL);
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
  event TEXT NOT NULL, detail TEXT) STRICT;
INSERT INTO "events" VALUES(1,1796031977289,'74afb8be1bc34f694fadcd7dec780c84763b349a08a1771864018e569907ed26','uploading',NULL);
INSERT INTO "events" VALUES(2,1796031977300,'c9ddf6e1745be5dc0bfcb0f3556973bb80b113c283823f2d92c89ad91f5170e7','intent','bunny-77feea5a0c58.mp4');
INSERT INTO "events" VALUES(3,1796031977304,'c9ddf6e1745be5dc0bfcb0f3556973bb80b113c283823f2d92c89ad91f5170e7','sent',NULL);
INSERT INTO "events" VALUES(4,1796031977594,'c9ddf6e1745be5dc0bfcb0f3556973bb80b113c283823f2d92c89ad91f5170e7','done',NULL);
INSERT INTO "events" VALUES(5,1796031977613,'74afb8be1bc34f694fadcd7dec780c84763b349a08a1771864018e569907ed26','uploaded',NULL);
INSERT INTO "events" VALUES(6,1796031977621,'74afb8be1bc34f694fadcd7dec780c84763b349a08a1771864018e569907ed26','processing',NULL);
INSERT INTO "events" VALUES(7,1796031997640,'74afb8be1bc34f694fadcd7dec780c84763b349a08a1771864018e569907ed26','ready',NULL);
CREATE TABLE items (
  source_blake3 TEXT NOT NULL, profile_hash TEXT NOT NULL, destination TEXT NOT NULL,
  source_path TEXT NOT NULL, artifact_path TEXT, artifact_blake3 TEXT, artifact_md5 TEXT,
  artifact_size INTEGER, recipe INTEGER NOT NULL, effect_key TEXT, state TEXT NOT NULL, video_id TEXT,
  attempts INTEGER NOT NULL, reason TEXT, history TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (source_blake3, profile_hash, destination)) STRICT;
INSERT INTO "items" VALUES('74afb8be1bc34f694fadcd7dec780c84763b349a08a1771864018e569907ed26','7a4dce761b7c17ee1b4126f9452b188e','sandbox:.greenlit|7000000000000000001','bunny.mp4','.greenlit/artifacts/tiktok-ads/f16f6f648f5d756d-r1/bunny.mp4','77feea5a0c5888b39a95fe55332138adb7fdc1230fc1c18fe38e02cd37dad197','22290cdbf315c4804bd54426d62fb456',850247,1,'c9ddf6e1745be5dc0bfcb0f3556973bb80b113c283823f2d92c89ad91f5170e7','ready','v10033g500002f4fae470ac43cce000002',1,NULL,'[]',1796031997640);
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',7);
COMMIT;
PRAGMA user_version = 2;
