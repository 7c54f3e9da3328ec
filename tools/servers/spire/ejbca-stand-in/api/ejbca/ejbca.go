// Package ejbca stands in for the EJBCA client that one of SPIRE's optional
// upstream authorities imports and that cannot be obtained. It has the shape
// that SPIRE compiles against and refuses to be used: every way to build a
// client returns an error, so a server configured for EJBCA fails at start.
package ejbca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

var errStandIn = errors.New("this build of SPIRE has no EJBCA support: the client library is a stand-in")

// Authenticator is what the real library builds from a client certificate.
type Authenticator interface{ GetHTTPClient() (*http.Client, error) }

type MTLSAuthenticatorBuilder struct{}

func NewMTLSAuthenticatorBuilder() *MTLSAuthenticatorBuilder { return &MTLSAuthenticatorBuilder{} }

func (b *MTLSAuthenticatorBuilder) WithClientCertificate(*tls.Certificate) *MTLSAuthenticatorBuilder {
	return b
}

func (b *MTLSAuthenticatorBuilder) WithCaCertificates([]*x509.Certificate) *MTLSAuthenticatorBuilder {
	return b
}

func (b *MTLSAuthenticatorBuilder) Build() (Authenticator, error) { return nil, errStandIn }

type Configuration struct{ Host string }

func NewConfiguration() *Configuration { return &Configuration{} }

func (c *Configuration) SetAuthenticator(Authenticator) {}

type APIClient struct{ V1CertificateApi *V1CertificateApiService }

func NewAPIClient(*Configuration) (*APIClient, error) { return nil, errStandIn }

type V1CertificateApiService struct{}

func (s *V1CertificateApiService) EnrollPkcs10Certificate(context.Context) ApiEnrollPkcs10CertificateRequest {
	return ApiEnrollPkcs10CertificateRequest{}
}

type ApiEnrollPkcs10CertificateRequest struct{}

func (r ApiEnrollPkcs10CertificateRequest) EnrollCertificateRestRequest(EnrollCertificateRestRequest) ApiEnrollPkcs10CertificateRequest {
	return r
}

func (r ApiEnrollPkcs10CertificateRequest) Execute() (*CertificateRestResponse, *http.Response, error) {
	return nil, nil, errStandIn
}

type EnrollCertificateRestRequest struct{}

func NewEnrollCertificateRestRequest() *EnrollCertificateRestRequest {
	return &EnrollCertificateRestRequest{}
}

func (r *EnrollCertificateRestRequest) SetUsername(string)                 {}
func (r *EnrollCertificateRestRequest) SetPassword(string)                 {}
func (r *EnrollCertificateRestRequest) SetCertificateRequest(string)       {}
func (r *EnrollCertificateRestRequest) SetCertificateAuthorityName(string) {}
func (r *EnrollCertificateRestRequest) SetCertificateProfileName(string)   {}
func (r *EnrollCertificateRestRequest) SetEndEntityProfileName(string)     {}
func (r *EnrollCertificateRestRequest) SetIncludeChain(bool)               {}
func (r *EnrollCertificateRestRequest) SetAccountBindingId(string)         {}

type CertificateRestResponse struct{ CertificateChain []string }

func (r *CertificateRestResponse) GetResponseFormat() string { return "" }
func (r *CertificateRestResponse) GetCertificate() string    { return "" }

type GenericOpenAPIError struct{}

func (e GenericOpenAPIError) Error() string { return errStandIn.Error() }
func (e GenericOpenAPIError) Body() []byte  { return nil }
