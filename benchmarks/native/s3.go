package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// s3Server speaks S3, and so the XML interface of Google Cloud Storage, by path addressing.
//
// It verifies no signature, no digest and no size of parts, and knows no delimiters, copies,
// versions or streaming signatures.
type s3Server struct{ *buckets }

var lastUpload atomic.Int64

func (s s3Server) handle(w http.ResponseWriter, r *http.Request) {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" && r.Method == http.MethodPut {
		s.create(name)
		return
	}
	found := s.get(name)
	switch {
	case found == nil:
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
	case key == "":
		s.handleBucket(w, r, found)
	case r.URL.Query().Has("uploads"):
		s.begin(w, r, found, key)
	case r.URL.Query().Has("uploadId"):
		s.handleUpload(w, r, found, key)
	default:
		s.handleObject(w, r, found, key)
	}
}

func (s s3Server) handleBucket(w http.ResponseWriter, r *http.Request, in *bucket) {
	switch {
	case r.Method == http.MethodPost && r.URL.Query().Has("delete"):
		s.deleteMany(w, r, in)
	case r.Method == http.MethodGet:
		s.list(w, r, in)
	case r.Method != http.MethodHead:
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s s3Server) handleObject(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	switch r.Method {
	case http.MethodPut:
		s.put(w, r, in, key)
	case http.MethodDelete:
		in.delete(key, ifHeaders(r.Header))
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		stored := in.get(key)
		switch {
		case stored == nil:
			s3Error(w, http.StatusNotFound, "NoSuchKey")
		case !ifHeaders(r.Header)(stored):
			s3Error(w, http.StatusPreconditionFailed, "PreconditionFailed")
		default:
			sendObject(w, r, stored, r.Header.Get("Range"))
		}
	default:
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s s3Server) put(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	body, ok := s3Body(w, r)
	if !ok {
		return
	}
	s.store(w, r, in, key, body, s3Headers(r))
}

func (s s3Server) store(
	w http.ResponseWriter, r *http.Request, in *bucket, key string,
	body content, headers map[string]string,
) *object {
	stored, ok := in.put(key, body, headers, ifHeaders(r.Header))
	if !ok {
		s3Error(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return nil
	}
	w.Header().Set("ETag", `"`+stored.etag()+`"`)
	return stored
}

func (s s3Server) begin(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	id := strconv.FormatInt(lastUpload.Add(1), 10)
	in.begin(id, s3Headers(r))
	sendXML(w, http.StatusOK, "<InitiateMultipartUploadResult><Key>"+escaped(key)+
		"</Key><UploadId>"+id+"</UploadId></InitiateMultipartUploadResult>")
}

func (s s3Server) handleUpload(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	id := r.URL.Query().Get("uploadId")
	begun := in.upload(id)
	if begun == nil {
		s3Error(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	switch r.Method {
	case http.MethodPut:
		if body, ok := s3Body(w, r); ok {
			in.add(begun, r.URL.Query().Get("partNumber"), body)
			w.Header().Set("ETag", `"part"`)
		}
	case http.MethodPost:
		s.complete(w, r, in, key, id, begun)
	case http.MethodDelete:
		in.end(id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s s3Server) complete(
	w http.ResponseWriter, r *http.Request, in *bucket, key, id string, begun *upload,
) {
	var asked struct {
		Part []struct{ PartNumber string }
	}
	if err := xml.NewDecoder(r.Body).Decode(&asked); err != nil {
		s3Error(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	numbers := make([]string, len(asked.Part))
	for i, part := range asked.Part {
		numbers[i] = part.PartNumber
	}
	body, complete := in.joined(begun, numbers)
	if !complete {
		s3Error(w, http.StatusBadRequest, "InvalidPart")
		return
	}
	if stored := s.store(w, r, in, key, body, begun.headers); stored != nil {
		in.end(id)
		sendXML(w, http.StatusOK, "<CompleteMultipartUploadResult><Key>"+escaped(key)+
			"</Key><ETag>&quot;"+stored.etag()+"&quot;</ETag></CompleteMultipartUploadResult>")
	}
}

func (s s3Server) deleteMany(w http.ResponseWriter, r *http.Request, in *bucket) {
	var asked struct {
		Object []struct{ Key string }
	}
	if err := xml.NewDecoder(r.Body).Decode(&asked); err != nil {
		s3Error(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	var answer strings.Builder
	answer.WriteString("<DeleteResult>")
	for _, object := range asked.Object {
		in.delete(object.Key, always)
		answer.WriteString("<Deleted><Key>" + escaped(object.Key) + "</Key></Deleted>")
	}
	sendXML(w, http.StatusOK, answer.String()+"</DeleteResult>")
}

func (s s3Server) list(w http.ResponseWriter, r *http.Request, in *bucket) {
	query := r.URL.Query()
	encoded := escaped
	if query.Get("encoding-type") == "url" {
		encoded = urlEncoded
	}
	limit, err := strconv.Atoi(query.Get("max-keys"))
	if err != nil {
		limit = 1000
	}
	after := max(query.Get("continuation-token"), query.Get("start-after"))
	page, next := in.list(query.Get("prefix"), after, limit)
	var answer strings.Builder
	answer.WriteString("<ListBucketResult>")
	if query.Has("encoding-type") {
		answer.WriteString("<EncodingType>url</EncodingType>")
	}
	fmt.Fprintf(&answer, "<KeyCount>%d</KeyCount><IsTruncated>%t</IsTruncated>", len(page), next != "")
	if next != "" {
		answer.WriteString("<NextContinuationToken>" + escaped(next) + "</NextContinuationToken>")
	}
	for _, found := range page {
		answer.WriteString("<Contents><Key>" + encoded(found.key) + "</Key><LastModified>" +
			found.modified.Format(time.RFC3339) + "</LastModified><ETag>&quot;" + found.etag() +
			"&quot;</ETag><Size>" + strconv.FormatInt(found.size, 10) +
			"</Size><StorageClass>STANDARD</StorageClass></Contents>")
	}
	sendXML(w, http.StatusOK, answer.String()+"</ListBucketResult>")
}

// urlEncoded encodes a key as AWS does in listings, which leaves its slashes.
func urlEncoded(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// s3Body reads a body as it is.
func s3Body(w http.ResponseWriter, r *http.Request) (content, bool) {
	streamed := strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-")
	if streamed || r.Header.Get("X-Amz-Copy-Source") != "" {
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
		return content{}, false
	}
	body, err := read(r.Body, r.ContentLength)
	if err != nil {
		s3Error(w, http.StatusBadRequest, "IncompleteBody")
	}
	return body, err == nil
}

func s3Headers(r *http.Request) map[string]string {
	return kept(r.Header, "X-Amz-Meta-", "Content-Type", "Cache-Control", "Content-Disposition",
		"Content-Encoding")
}

func s3Error(w http.ResponseWriter, status int, code string) {
	sendXML(w, status, "<Error><Code>"+code+"</Code><Message>"+code+"</Message></Error>")
}

func sendXML(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(xml.Header)+len(text)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header + text)) // a client may be gone
}

func escaped(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}
