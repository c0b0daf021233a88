//! The demuxers that may open a file.

/// Allowed demuxers, all of single files. Excluded: playlists (`hls`, `concat`, `dash`, `imf`), image
/// sequences (`image2`), capture devices, network formats, scripts.
pub(crate) const DEMUXERS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,asf_o,gif,ogg,wav,w64,mp3,aac,\
     ac3,eac3,flac,aiff,caf,amr,amrnb,amrwb,au,dv,mxf,nut,rm,ivf,h264,hevc,vvc,av1,obu,m4v,mjpeg,mjpeg_2000,h263,\
     h261,vc1,vc1test,wtv,wv,ape,tta,tak,mpc,mpc8,dts,dtshd,truehd,mlp,avs,avs2,avs3,cavsvideo,dirac,dnxhd,\
     gxf,lxf,mv,nsv,nuv,pva,r3d,rl2,roq,smk,bink,swf,thp,tiertexseq,txd,vivo,voc,vqf,yuv4mpegpipe,xwma,ty,\
     apng,png_pipe,jpeg_pipe,jpegxl_pipe,jpegls_pipe,webp_pipe,webp_anim,webp,bmp_pipe,tiff_pipe,gif_pipe,\
     psd_pipe,qoi_pipe,j2k_pipe,ea,video_cpk,flic,idcin,4xm,dxa,ogv,oma,qcp,sox,spdif,loas,latm,iff,mtv,mm,\
     jv,pmp,psxstr,rpl,c93,cine,bethsoftvid,bfi,dsf,iss,xa,srt,webvtt,ass";
