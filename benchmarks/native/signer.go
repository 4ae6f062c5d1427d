package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// A signer signs by AWS Signature Version 4, with the headers that it must.
//
// Queries must be in order and encoded, as canonical requests want them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type signer struct {
	accessKey, region string
	key               []byte
	day               string
}

func newSigner(accessKey, secretKey, region string) *signer {
	day := time.Now().UTC().Format("20060102") // no run goes on for days
	key := digest([]byte("AWS4"+secretKey), day)
	for _, part := range []string{region, "s3", "aws4_request"} {
		key = digest(key, part)
	}
	return &signer{accessKey, region, key, day}
}

func (s *signer) sign(request *http.Request, body []byte) {
	now := time.Now().UTC().Format("20060102T150405Z")
	hash := sha256.Sum256(body)
	hashed := hex.EncodeToString(hash[:])
	request.Header.Set("X-Amz-Date", now)
	request.Header.Set("X-Amz-Content-Sha256", hashed)
	const signed = "host;x-amz-content-sha256;x-amz-date"
	canonical := strings.Join([]string{
		request.Method, request.URL.EscapedPath(), request.URL.RawQuery,
		"host:" + request.URL.Host, "x-amz-content-sha256:" + hashed, "x-amz-date:" + now,
		"", signed, hashed,
	}, "\n")
	scope := s.day + "/" + s.region + "/s3/aws4_request"
	hash = sha256.Sum256([]byte(canonical))
	text := "AWS4-HMAC-SHA256\n" + now + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.accessKey+"/"+scope+
		",SignedHeaders="+signed+",Signature="+hex.EncodeToString(digest(s.key, text)))
}

func digest(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
